/* Coming to terms: the messages of a peer come in any order, and are noted; steps follow from what is noted. */
#include "wormhole/bargain.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

int p2p_bargain_give_text(struct p2p_bargain *bargain, const char *text) {
  bargain->is_sender = bargain->is_text = true;
  bargain->text_length = bargain->size_bytes = strlen(text);
  bargain->text = strdup(text);
  return bargain->text != NULL ? P2P_OK : P2P_ERR_MEMORY;
}

void p2p_bargain_give_file(struct p2p_bargain *bargain, const char *name, uint64_t size_bytes) {
  bargain->is_sender = true;
  bargain->size_bytes = size_bytes;
  p2p_offer_clean_name(name, bargain->name);
}

/* Takes the text over. */
static int hear_offer(struct p2p_bargain *bargain, struct p2p_said *said, struct p2p_err *err) {
  if (bargain->is_sender)
    return p2p_err_set(err, P2P_ERR_PROTOCOL, "Both sides want to send: one must receive");
  if (bargain->has_offer)
    return p2p_err_set(err, P2P_ERR_PROTOCOL, "The sender made two offers");
  bargain->has_offer = true;
  bargain->is_text = said->kind == P2P_SAID_TEXT;
  bargain->size_bytes = bargain->is_text ? said->text_length : said->size_bytes;
  memcpy(bargain->name, said->name, sizeof bargain->name);
  bargain->text = said->text;
  bargain->text_length = said->text_length;
  said->text = NULL;
  return P2P_OK;
}

static int hear_answer(struct p2p_bargain *bargain, const struct p2p_said *said, struct p2p_err *err) {
  if (!bargain->is_sender)
    return p2p_err_set(err, P2P_ERR_PROTOCOL, "Both sides want to receive: one must send");
  if (!bargain->has_spoken || (said->kind == P2P_SAID_TAKEN) != bargain->is_text)
    return p2p_err_set(err, P2P_ERR_PROTOCOL, "The receiver answered what was not offered");
  bargain->is_wanted = true;
  return P2P_OK;
}

static int note(struct p2p_bargain *bargain, struct p2p_said *said, struct p2p_err *err) {
  switch (said->kind) {
  case P2P_SAID_OTHER: return P2P_OK;
  case P2P_SAID_TRANSIT:
    if (!bargain->has_hints)
      bargain->theirs = said->hints;
    bargain->has_hints = true;
    return P2P_OK;
  case P2P_SAID_TEXT:
  case P2P_SAID_FILE: return hear_offer(bargain, said, err);
  case P2P_SAID_TAKEN:
  case P2P_SAID_WANTED: return hear_answer(bargain, said, err);
  }
  return P2P_OK;
}

int p2p_bargain_hear(struct p2p_bargain *bargain, const char *text, size_t length, struct p2p_err *err) {
  struct p2p_said said;
  int code = p2p_offer_parse(text, length, &said, err);

  if (code != P2P_OK)
    return code;
  code = note(bargain, &said, err);
  free(said.text);
  return code;
}

/* Returns true once. */
static bool once(bool *done) {
  bool was = *done;
  *done = true;
  return !was;
}

enum p2p_bargain_step p2p_bargain_next(struct p2p_bargain *bargain) {
  if (!bargain->is_agreed || !(bargain->is_sender || bargain->has_offer))
    return P2P_BARGAIN_WAIT;
  if (once(&bargain->has_spoken))
    return P2P_BARGAIN_SPEAK;
  if (bargain->is_text)
    return (bargain->is_wanted || !bargain->is_sender) && once(&bargain->has_closed) ? P2P_BARGAIN_CLOSE : P2P_BARGAIN_WAIT;
  if (bargain->has_hints && once(&bargain->has_raced))
    return P2P_BARGAIN_RACE;
  if (bargain->is_wanted && once(&bargain->has_sent))
    return P2P_BARGAIN_SEND;
  return P2P_BARGAIN_WAIT;
}

void p2p_bargain_clear(struct p2p_bargain *bargain) {
  if (bargain->text != NULL)
    p2p_wipe(bargain->text, bargain->text_length);
  free(bargain->text);
  bargain->text = NULL;
}
