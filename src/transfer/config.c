/* The configuration of a file transfer. */
#include "transfer/config.h"

#include <stdlib.h>
#include <string.h>

#include "net/url.h"
#include "transfer/offer.h"

bool p2p_transfer_config_is_sender(const struct p2p_transfer_config *config) {
  return config->file != NULL || config->bytes != NULL || config->text != NULL;
}

static int check_text(const char *text, struct p2p_err *err) {
  char *message = NULL;

  if (strlen(text) > P2P_OFFER_TEXT_MAX)
    return p2p_err_because(err, "text_too_long",
                           p2p_err_set(err, P2P_ERR_TOO_LARGE,
                                       "the text has %zu bytes; the limit is %d", strlen(text),
                                       P2P_OFFER_TEXT_MAX));
  int code = p2p_offer_format_text(text, strlen(text), &message);
  free(message);
  if (code == P2P_ERR_INVALID)
    return p2p_err_because(err, "text_not_utf8",
                           p2p_err_set(err, code, "the text is not valid UTF-8"));
  return code == P2P_OK ? code : p2p_err_set(err, code, "out of memory");
}

int p2p_transfer_config_check(const struct p2p_transfer_config *config, struct p2p_err *err) {
  struct p2p_hint relay;
  int code = P2P_OK;

  if (!p2p_transfer_config_is_sender(config) && config->code == NULL)
    return p2p_err_set(err, P2P_ERR_INVALID, "a receiver needs a code");
  if (config->text != NULL) code = check_text(config->text, err);
  if (code == P2P_OK && config->relay != NULL)
    code = p2p_hint_parse_relay(config->relay, &relay, err);
  return code;
}

struct p2p_wormhole_config p2p_transfer_config_wormhole(const struct p2p_transfer_config *config) {
  return (struct p2p_wormhole_config){.loop = config->loop,
                                      .mailbox = config->mailbox,
                                      .appid = P2P_OFFER_APPID,
                                      .code = config->code,
                                      .for_people = true,
                                      .timeout_ms = config->timeout_ms};
}

struct p2p_transit_config p2p_transfer_config_transit(const struct p2p_transfer_config *config,
                                                      struct p2p_hint *relay) {
  bool has_relay =
      config->relay != NULL && p2p_hint_parse_relay(config->relay, relay, NULL) == P2P_OK;

  return (struct p2p_transit_config){.loop = config->loop,
                                     .is_sender = p2p_transfer_config_is_sender(config),
                                     .no_listen = config->no_listen,
                                     .no_direct = config->no_direct,
                                     .is_peer_local = p2p_url_is_loopback(config->mailbox),
                                     .relay = has_relay ? relay : NULL,
                                     .timeout_ms = config->timeout_ms};
}
