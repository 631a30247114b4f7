/* The negotiation of a file transfer. Messages may arrive in any order; they are recorded, and the
 * steps follow from what is recorded. */
#include "transfer/negotiation.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

int p2p_negotiation_offer_text(struct p2p_negotiation *negotiation, const char *text) {
  negotiation->is_sender = negotiation->is_text = true;
  negotiation->text_length = negotiation->size_bytes = strlen(text);
  negotiation->text = strdup(text);
  return negotiation->text != NULL ? P2P_OK : P2P_ERR_MEMORY;
}

void p2p_negotiation_offer_file(struct p2p_negotiation *negotiation, const char *name,
                                uint64_t size_bytes) {
  negotiation->is_sender = true;
  negotiation->size_bytes = size_bytes;
  p2p_offer_clean_name(name, negotiation->name);
}

/* Takes ownership of the text. */
static int on_offer(struct p2p_negotiation *negotiation, struct p2p_offer_message *message,
                    struct p2p_err *err) {
  if (negotiation->is_sender) return p2p_err_set(err, P2P_ERR_PROTOCOL, "both sides want to send");
  if (negotiation->has_offer)
    return p2p_err_set(err, P2P_ERR_PROTOCOL, "the sender made two offers");
  negotiation->has_offer = true;
  negotiation->is_text = message->kind == P2P_OFFER_TEXT;
  negotiation->size_bytes = negotiation->is_text ? message->text_length : message->size_bytes;
  memcpy(negotiation->name, message->name, sizeof negotiation->name);
  negotiation->text = message->text;
  negotiation->text_length = message->text_length;
  message->text = NULL;
  return P2P_OK;
}

static int on_answer(struct p2p_negotiation *negotiation, const struct p2p_offer_message *message,
                     struct p2p_err *err) {
  if (!negotiation->is_sender)
    return p2p_err_set(err, P2P_ERR_PROTOCOL, "both sides want to receive");
  if (!negotiation->did_send_message ||
      (message->kind == P2P_OFFER_TEXT_ACCEPTED) != negotiation->is_text)
    return p2p_err_set(err, P2P_ERR_PROTOCOL,
                       "the receiver accepted something that was not offered");
  negotiation->has_accepted = true;
  return P2P_OK;
}

static int handle(struct p2p_negotiation *negotiation, struct p2p_offer_message *message,
                  struct p2p_err *err) {
  switch (message->kind) {
  case P2P_OFFER_UNKNOWN: return P2P_OK;
  case P2P_OFFER_TRANSIT:
    if (!negotiation->has_hints) negotiation->peer_hints = message->hints;
    negotiation->has_hints = true;
    return P2P_OK;
  case P2P_OFFER_TEXT:
  case P2P_OFFER_FILE: return on_offer(negotiation, message, err);
  case P2P_OFFER_TEXT_ACCEPTED:
  case P2P_OFFER_FILE_ACCEPTED: return on_answer(negotiation, message, err);
  }
  return P2P_OK;
}

int p2p_negotiation_receive(struct p2p_negotiation *negotiation, const char *text, size_t length,
                            struct p2p_err *err) {
  struct p2p_offer_message message;
  int code = p2p_offer_parse(text, length, &message, err);

  if (code != P2P_OK) return code;
  code = handle(negotiation, &message, err);
  free(message.text);
  return code;
}

/* True the first time. */
static bool once(bool *done) {
  bool was = *done;
  *done = true;
  return !was;
}

enum p2p_negotiation_step p2p_negotiation_next(struct p2p_negotiation *negotiation) {
  if (!negotiation->is_confirmed || !(negotiation->is_sender || negotiation->has_offer))
    return P2P_NEGOTIATION_WAIT;
  if (once(&negotiation->did_send_message)) return P2P_NEGOTIATION_SEND_MESSAGE;
  if (negotiation->is_text)
    return (negotiation->has_accepted || !negotiation->is_sender) && once(&negotiation->did_finish)
               ? P2P_NEGOTIATION_FINISH
               : P2P_NEGOTIATION_WAIT;
  if (negotiation->has_hints && once(&negotiation->did_connect)) return P2P_NEGOTIATION_CONNECT;
  if (negotiation->has_accepted && once(&negotiation->did_send_file))
    return P2P_NEGOTIATION_SEND_FILE;
  return P2P_NEGOTIATION_WAIT;
}

const char *p2p_negotiation_overdue(const struct p2p_negotiation *negotiation) {
  if (negotiation->is_sender)
    return negotiation->did_send_message ? "the receiver did not answer the offer" : NULL;
  return negotiation->is_confirmed && !negotiation->has_offer ? "the sender did not offer anything"
                                                              : NULL;
}

int p2p_negotiation_format(const struct p2p_negotiation *negotiation, char **out) {
  if (!negotiation->is_sender) return p2p_offer_format_answer(negotiation->is_text, out);
  if (negotiation->is_text)
    return p2p_offer_format_text(negotiation->text, negotiation->text_length, out);
  return p2p_offer_format_file(negotiation->name, negotiation->size_bytes, out);
}

void p2p_negotiation_clear(struct p2p_negotiation *negotiation) {
  if (negotiation->text != NULL) p2p_wipe(negotiation->text, negotiation->text_length);
  free(negotiation->text);
  negotiation->text = NULL;
}
