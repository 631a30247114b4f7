/* How two sides of a file transfer come to terms: what was said by both, and what is due next.
 * Pure. */
#ifndef P2P_TRANSFER_NEGOTIATION_H
#define P2P_TRANSFER_NEGOTIATION_H

#include "transfer/offer.h"

enum p2p_negotiation_step {
  P2P_NEGOTIATION_WAIT,  /* for the other side */
  P2P_NEGOTIATION_SPEAK, /* sender: make the offer; receiver: answer it; both say where they can be
                            reached, for a file */
  P2P_NEGOTIATION_RACE,  /* connect to where the other side can be reached */
  P2P_NEGOTIATION_SEND,  /* sender: the file is wanted */
  P2P_NEGOTIATION_CLOSE  /* a text was given and taken */
};

struct p2p_negotiation {
  bool is_sender, is_text;
  bool is_agreed; /* the peer is there and the user has nothing against it: before that, nothing is
                     said */
  char name[P2P_OFFER_NAME_MAX];
  uint64_t size_bytes;
  char *text; /* sent or received; owned */
  size_t text_length;
  struct p2p_hints theirs;
  /* Of what was said: */
  bool has_offer, has_hints, is_wanted;
  /* Steps that were given out: */
  bool has_spoken, has_raced, has_sent, has_closed;
};

/* What we send: a copy of `text`; or a file (or bytes) of that size and, cleaned, that name.
 * P2P_ERR_MEMORY. */
int p2p_negotiation_offer_text(struct p2p_negotiation *negotiation, const char *text) P2P_MUST_USE;
void p2p_negotiation_offer_file(struct p2p_negotiation *negotiation, const char *name,
                                uint64_t size_bytes);

/* One message of the peer, at any time. P2P_ERR_PROTOCOL, and what p2p_offer_parse returns. */
int p2p_negotiation_receive(struct p2p_negotiation *negotiation, const char *text, size_t length,
                            struct p2p_err *err) P2P_MUST_USE;
/* The next step; each is given out once, and then counts as done. */
enum p2p_negotiation_step p2p_negotiation_next(struct p2p_negotiation *negotiation);
void p2p_negotiation_clear(struct p2p_negotiation *negotiation);

#endif
