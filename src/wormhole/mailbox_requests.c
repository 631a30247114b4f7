/* Requests to a mailbox server. */
#include "wormhole/mailbox_requests.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/encode.h"
#include "crypto/random.h"

/* Gives `message` an id and queues it. Takes the reference; NULL means out of memory. */
static void put(struct p2p_mailbox_requests *requests, json_t *message) {
  uint8_t random[4];
  char id[P2P_HEX_LEN(sizeof random) + 1], *text = NULL;

  p2p_random_bytes(random, sizeof random);
  p2p_hex_encode(random, sizeof random, id);
  if (message != NULL && json_object_set_new(message, "id", json_string(id)) == 0 &&
      requests->count < P2P_MAILBOX_REQUESTS_MAX)
    text = json_dumps(message, JSON_COMPACT);
  json_decref(message);
  if (text == NULL)
    requests->has_failed = true;
  else
    requests->texts[requests->count++] = text;
}

void p2p_mailbox_requests_bind(struct p2p_mailbox_requests *requests, const char *appid,
                               const char *side) {
  put(requests, json_pack("{s:s, s:s, s:s}", "type", "bind", "appid", appid, "side", side));
}

void p2p_mailbox_requests_allocate(struct p2p_mailbox_requests *requests) {
  put(requests, json_pack("{s:s}", "type", "allocate"));
}

void p2p_mailbox_requests_claim(struct p2p_mailbox_requests *requests, const char *nameplate) {
  put(requests, json_pack("{s:s, s:s}", "type", "claim", "nameplate", nameplate));
}

void p2p_mailbox_requests_release(struct p2p_mailbox_requests *requests, const char *nameplate) {
  put(requests, json_pack("{s:s, s:s}", "type", "release", "nameplate", nameplate));
}

void p2p_mailbox_requests_open(struct p2p_mailbox_requests *requests, const char *mailbox) {
  put(requests, json_pack("{s:s, s:s}", "type", "open", "mailbox", mailbox));
}

void p2p_mailbox_requests_ping(struct p2p_mailbox_requests *requests) {
  put(requests, json_pack("{s:s, s:i}", "type", "ping", "ping", 1));
}

void p2p_mailbox_requests_add(struct p2p_mailbox_requests *requests, const char *phase,
                              const char *hex) {
  put(requests, json_pack("{s:s, s:s, s:s}", "type", "add", "phase", phase, "body", hex));
}

void p2p_mailbox_requests_close(struct p2p_mailbox_requests *requests, const char *mailbox,
                                const char *mood) {
  put(requests, json_pack("{s:s, s:s, s:s}", "type", "close", "mailbox", mailbox, "mood", mood));
}

char *p2p_mailbox_requests_pop(struct p2p_mailbox_requests *requests) {
  if (requests->count == 0) return NULL;
  char *text = requests->texts[0];
  requests->count--;
  memmove(requests->texts, requests->texts + 1, requests->count * sizeof requests->texts[0]);
  return text;
}

void p2p_mailbox_requests_clear(struct p2p_mailbox_requests *requests) {
  while (requests->count > 0) free(requests->texts[--requests->count]);
}
