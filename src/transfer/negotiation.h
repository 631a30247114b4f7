/* The negotiation of a file transfer: what each side has sent, and the next step. Pure. */
#ifndef P2P_TRANSFER_NEGOTIATION_H
#define P2P_TRANSFER_NEGOTIATION_H

#include "transfer/offer.h"

enum p2p_negotiation_step {
  P2P_NEGOTIATION_WAIT,         /* for the peer */
  P2P_NEGOTIATION_SEND_MESSAGE, /* sender: the offer; receiver: the answer. For a file, after the
                                   hints */
  P2P_NEGOTIATION_CONNECT,      /* to the peer's hints */
  P2P_NEGOTIATION_SEND_FILE,    /* sender: the file was accepted */
  P2P_NEGOTIATION_FINISH        /* a text was received and confirmed */
};

struct p2p_negotiation {
  bool is_sender, is_text;
  bool is_confirmed; /* the peer is there, and the user does not object: messages may be sent */
  char name[P2P_OFFER_NAME_MAX];
  uint64_t size_bytes;
  char *text; /* sent or received; owned */
  size_t text_length;
  struct p2p_hints peer_hints;
  /* What the peer has sent: */
  bool has_offer, has_hints, has_accepted;
  /* Steps that were returned: */
  bool did_send_message, did_connect, did_send_file, did_finish;
};

/* What we send: a copy of `text` (P2P_ERR_MEMORY); or a file of that size, under the last part of
 * `name`. */
int p2p_negotiation_offer_text(struct p2p_negotiation *negotiation, const char *text) P2P_MUST_USE;
void p2p_negotiation_offer_file(struct p2p_negotiation *negotiation, const char *name,
                                uint64_t size_bytes);

/* Handles a message of the peer. P2P_ERR_PROTOCOL, and the errors of p2p_offer_parse. */
int p2p_negotiation_receive(struct p2p_negotiation *negotiation, const char *text, size_t length,
                            struct p2p_err *err) P2P_MUST_USE;
/* Returns the next step. Each is returned once, and counts as done. */
enum p2p_negotiation_step p2p_negotiation_next(struct p2p_negotiation *negotiation);
/* What the peer did not do: "the receiver did not answer the offer". NULL if nothing is due from
 * it.
 */
const char *p2p_negotiation_overdue(const struct p2p_negotiation *negotiation);
/* Formats our offer or answer. The caller frees *out. Errors as p2p_offer_format_*. */
int p2p_negotiation_format(const struct p2p_negotiation *negotiation, char **out) P2P_MUST_USE;
/* Wipes and frees the text. */
void p2p_negotiation_clear(struct p2p_negotiation *negotiation);

#endif
