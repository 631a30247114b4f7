/* A client of one mailbox on a mailbox server: its nameplate, if it has one, its mailbox, and the
 * messages of both sides by phase. Speaks JSON and does no I/O: pass in the server's texts, send
 * the texts that p2p_mailbox_pop_text returns, and handle the events. It has no keys: messages are
 * bytes. The server is not trusted: every text is limited and checked. */
#ifndef P2P_WORMHOLE_MAILBOX_H
#define P2P_WORMHOLE_MAILBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define P2P_MAILBOX_SIDE_MAX 65
#define P2P_MAILBOX_ADDED_MAX 8 /* messages that one side may add */

enum p2p_mailbox_state {
  P2P_MAILBOX_WELCOME,  /* waiting for the server's welcome */
  P2P_MAILBOX_ALLOCATE, /* waiting for a nameplate */
  P2P_MAILBOX_CLAIM,    /* waiting for the mailbox of the nameplate */
  P2P_MAILBOX_ALONE,    /* the mailbox is open; the peer has added nothing yet */
  P2P_MAILBOX_PAIRED,   /* the peer has added a message; the nameplate is released */
  P2P_MAILBOX_CLOSED    /* we have left */
};

enum p2p_mailbox_mood { P2P_MOOD_HAPPY, P2P_MOOD_LONELY, P2P_MOOD_SCARY, P2P_MOOD_ERRORY };

enum p2p_mailbox_kind {
  P2P_MAILBOX_HAS_NAMEPLATE, /* a nameplate was allocated: p2p_mailbox_nameplate */
  P2P_MAILBOX_HAS_OPENED,    /* messages may be added */
  P2P_MAILBOX_HAS_MESSAGE    /* the peer's message of the next phase */
};

struct p2p_mailbox_event {
  enum p2p_mailbox_kind kind;
  unsigned ordinal; /* the phase of a message; see wormhole/phase.h */
  uint8_t *body;    /* the caller frees it */
  size_t body_length;
};

struct p2p_mailbox;

/* `side`: our side, in hexadecimal. `nameplate`: NULL to have the server allocate one.
 * P2P_ERR_MEMORY. */
int p2p_mailbox_new(const char *appid, const char *side, const char *nameplate,
                    struct p2p_mailbox **out) P2P_MUST_USE;
/* A client that opens the mailbox `id`, of p2p_mailbox_id_is_valid, without a nameplate.
 * P2P_ERR_MEMORY. */
int p2p_mailbox_new_with_id(const char *appid, const char *side, const char *id,
                            struct p2p_mailbox **out) P2P_MUST_USE;
void p2p_mailbox_free(struct p2p_mailbox *mailbox); /* takes NULL */
/* True for 32 hexadecimal digits in lower case. */
bool p2p_mailbox_id_is_valid(const char *id);

/* Handles one text of the server. P2P_ERR_PROTOCOL, P2P_ERR_NETWORK (the server refuses us),
 * P2P_ERR_ACCESS (the mailbox is in use by others), P2P_ERR_MEMORY: afterwards, only
 * p2p_mailbox_close has an effect. */
int p2p_mailbox_receive(struct p2p_mailbox *mailbox, const char *text, size_t length,
                        struct p2p_err *err) P2P_MUST_USE;
/* The connection to the server was lost; the next text comes from a new one. The client then
 * resumes: it claims the nameplate if it still holds it, opens the mailbox, and adds those messages
 * again that the server no longer has. */
void p2p_mailbox_reconnect(struct p2p_mailbox *mailbox);
/* Adds a message in our next phase, now or when the server is connected again. P2P_ERR_INVALID
 * before HAS_OPENED; P2P_ERR_TOO_LARGE; P2P_ERR_MEMORY. */
int p2p_mailbox_add(struct p2p_mailbox *mailbox, const void *body, size_t length) P2P_MUST_USE;
/* Releases the nameplate if it is held, and closes the mailbox. */
void p2p_mailbox_close(struct p2p_mailbox *mailbox, enum p2p_mailbox_mood mood);

/* Removes the next text to send, which the caller frees. NULL when there is none. */
char *p2p_mailbox_pop_text(struct p2p_mailbox *mailbox);
/* Removes the next event. False when there is none. */
bool p2p_mailbox_pop_event(struct p2p_mailbox *mailbox, struct p2p_mailbox_event *out);

enum p2p_mailbox_state p2p_mailbox_state(const struct p2p_mailbox *mailbox);
/* Whether the server has confirmed all messages that we added: then losing the connection does no
 * harm. */
bool p2p_mailbox_is_delivered(const struct p2p_mailbox *mailbox);
/* The phase of the message that p2p_mailbox_add adds next. */
unsigned p2p_mailbox_next_ordinal(const struct p2p_mailbox *mailbox);
const char *p2p_mailbox_nameplate(const struct p2p_mailbox *mailbox); /* "" until it is known */
const char *p2p_mailbox_peer(const struct p2p_mailbox *mailbox);      /* its side; "" until known */

#endif
