/* Coming to terms: the messages of a peer come in any order, and are noted; steps follow from what
 * is noted. */
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

/* Takes the text over. */
static int hear_offer(struct p2p_negotiation *negotiation, struct p2p_offer_message *said,
                      struct p2p_err *err) {
  if (negotiation->is_sender)
    return p2p_err_set(err, P2P_ERR_PROTOCOL, "Both sides want to send: one must receive");
  if (negotiation->has_offer)
    return p2p_err_set(err, P2P_ERR_PROTOCOL, "The sender made two offers");
  negotiation->has_offer = true;
  negotiation->is_text = said->kind == P2P_OFFER_TEXT;
  negotiation->size_bytes = negotiation->is_text ? said->text_length : said->size_bytes;
  memcpy(negotiation->name, said->name, sizeof negotiation->name);
  negotiation->text = said->text;
  negotiation->text_length = said->text_length;
  said->text = NULL;
  return P2P_OK;
}

static int hear_answer(struct p2p_negotiation *negotiation, const struct p2p_offer_message *said,
                       struct p2p_err *err) {
  if (!negotiation->is_sender)
    return p2p_err_set(err, P2P_ERR_PROTOCOL, "Both sides want to receive: one must send");
  if (!negotiation->has_spoken || (said->kind == P2P_OFFER_TAKEN) != negotiation->is_text)
    return p2p_err_set(err, P2P_ERR_PROTOCOL, "The receiver answered what was not offered");
  negotiation->is_wanted = true;
  return P2P_OK;
}

static int note(struct p2p_negotiation *negotiation, struct p2p_offer_message *said,
                struct p2p_err *err) {
  switch (said->kind) {
  case P2P_OFFER_OTHER: return P2P_OK;
  case P2P_OFFER_TRANSIT:
    if (!negotiation->has_hints) negotiation->theirs = said->hints;
    negotiation->has_hints = true;
    return P2P_OK;
  case P2P_OFFER_TEXT:
  case P2P_OFFER_FILE: return hear_offer(negotiation, said, err);
  case P2P_OFFER_TAKEN:
  case P2P_OFFER_WANTED: return hear_answer(negotiation, said, err);
  }
  return P2P_OK;
}

int p2p_negotiation_receive(struct p2p_negotiation *negotiation, const char *text, size_t length,
                            struct p2p_err *err) {
  struct p2p_offer_message said;
  int code = p2p_offer_parse(text, length, &said, err);

  if (code != P2P_OK) return code;
  code = note(negotiation, &said, err);
  free(said.text);
  return code;
}

/* Returns true once. */
static bool once(bool *done) {
  bool was = *done;
  *done = true;
  return !was;
}

enum p2p_negotiation_step p2p_negotiation_next(struct p2p_negotiation *negotiation) {
  if (!negotiation->is_agreed || !(negotiation->is_sender || negotiation->has_offer))
    return P2P_NEGOTIATION_WAIT;
  if (once(&negotiation->has_spoken)) return P2P_NEGOTIATION_SPEAK;
  if (negotiation->is_text)
    return (negotiation->is_wanted || !negotiation->is_sender) && once(&negotiation->has_closed)
               ? P2P_NEGOTIATION_CLOSE
               : P2P_NEGOTIATION_WAIT;
  if (negotiation->has_hints && once(&negotiation->has_raced)) return P2P_NEGOTIATION_RACE;
  if (negotiation->is_wanted && once(&negotiation->has_sent)) return P2P_NEGOTIATION_SEND;
  return P2P_NEGOTIATION_WAIT;
}

void p2p_negotiation_clear(struct p2p_negotiation *negotiation) {
  if (negotiation->text != NULL) p2p_wipe(negotiation->text, negotiation->text_length);
  free(negotiation->text);
  negotiation->text = NULL;
}
