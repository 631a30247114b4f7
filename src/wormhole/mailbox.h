/* The client's side of one wormhole on a mailbox server: which nameplate, which mailbox, and the
 * phases of the peer in their order. Speaks JSON texts and does no I/O: feed the texts that come,
 * send the texts that it gives, take its events. It knows no keys: bodies are bytes. The server is
 * not trusted: every text is capped and checked. */
#ifndef P2P_WORMHOLE_MAILBOX_H
#define P2P_WORMHOLE_MAILBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "wormhole/reorder_buffer.h"

#define P2P_MAILBOX_SIDE_MAX 65
#define P2P_MAILBOX_OURS_MAX                                           \
  8 /* messages that we may add; kept, for a server that has lost them \
     */

enum p2p_mailbox_state {
  P2P_MAILBOX_WELCOME,  /* the server has not said welcome */
  P2P_MAILBOX_ALLOCATE, /* a nameplate is asked for */
  P2P_MAILBOX_CLAIM,    /* the nameplate is claimed, its mailbox not known */
  P2P_MAILBOX_ALONE,    /* the mailbox is open, the peer has said nothing */
  P2P_MAILBOX_BOTH,     /* the peer is in, the nameplate is free again */
  P2P_MAILBOX_CLOSED    /* left by us */
};

enum p2p_mailbox_mood { P2P_MOOD_HAPPY, P2P_MOOD_LONELY, P2P_MOOD_SCARY, P2P_MOOD_ERRORY };

enum p2p_mailbox_kind {
  P2P_MAILBOX_HAS_NAMEPLATE, /* the nameplate that was asked for: p2p_mailbox_nameplate */
  P2P_MAILBOX_HAS_OPENED,    /* messages may be added */
  P2P_MAILBOX_HAS_MESSAGE    /* the peer's next phase */
};

struct p2p_mailbox_event {
  enum p2p_mailbox_kind kind;
  unsigned ordinal; /* of a message; see wormhole/phase.h */
  uint8_t *body;    /* the caller frees it */
  size_t body_length;
};

struct p2p_mailbox;

/* nameplate: NULL to have one allocated. `side`: our hex text. P2P_ERR_MEMORY. */
int p2p_mailbox_new(const char *appid, const char *side, const char *nameplate,
                    struct p2p_mailbox **out) P2P_MUST_USE;
void p2p_mailbox_free(struct p2p_mailbox *mailbox); /* takes NULL */

/* One text of the server. P2P_ERR_PROTOCOL, P2P_ERR_NETWORK (it will not serve us), P2P_ERR_ACCESS
 * (crowded), P2P_ERR_MEMORY: this wormhole is of no more use but for p2p_mailbox_close. */
int p2p_mailbox_feed(struct p2p_mailbox *mailbox, const char *text, size_t length,
                     struct p2p_err *err) P2P_MUST_USE;
/* The connection to the server was lost, and the next text is of a new one. Goes on where it was:
 * claims the nameplate if it is still held, opens the mailbox, and adds again those messages that
 * it does not hold any more. */
void p2p_mailbox_reconnect(struct p2p_mailbox *mailbox);
/* Adds a message in our next phase, at once or when the server is there again. P2P_ERR_INVALID
 * before HAS_OPENED, P2P_ERR_TOO_LARGE. */
int p2p_mailbox_add(struct p2p_mailbox *mailbox, const void *body, size_t length) P2P_MUST_USE;
/* Frees the nameplate if it is held and closes the mailbox. */
void p2p_mailbox_close(struct p2p_mailbox *mailbox, enum p2p_mailbox_mood mood);

/* The next text to send, which the caller frees; NULL: none. */
char *p2p_mailbox_take_text(struct p2p_mailbox *mailbox);
bool p2p_mailbox_take_event(struct p2p_mailbox *mailbox, struct p2p_mailbox_event *out);

enum p2p_mailbox_state p2p_mailbox_state(const struct p2p_mailbox *mailbox);
/* Whether the server has told back all that we added: then it has it, and a loss of the connection
 * does no harm. */
bool p2p_mailbox_holds_ours(const struct p2p_mailbox *mailbox);
/* Of the message that p2p_mailbox_add will add next. */
unsigned p2p_mailbox_next_ordinal(const struct p2p_mailbox *mailbox);
const char *p2p_mailbox_nameplate(const struct p2p_mailbox *mailbox); /* "" before it is known */
const char *p2p_mailbox_peer(
    const struct p2p_mailbox *mailbox); /* the peer's side; "" before it is known */

#endif
