/* What a mailbox server keeps: mailboxes, the nameplates that lead to them, and their messages.
 * Pure: the time is an argument, and messages are delivered by callbacks. Everything is bounded
 * (server/limits.h), since anybody can connect. */
#ifndef P2P_SERVER_MAILBOX_STORE_H
#define P2P_SERVER_MAILBOX_STORE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "protocol/nameplate.h"

struct p2p_mailbox_store;
struct p2p_stored_mailbox;

struct p2p_stored_message {
  const char *side, *phase, *body, *id; /* id may be NULL */
};

/* Gets the messages of a mailbox. on_message must not call back into the store. */
struct p2p_mailbox_subscriber {
  struct p2p_mailbox_subscriber *next; /* the store's */
  void (*on_message)(void *arg, const struct p2p_stored_message *message);
  void *arg;
};

/* Who calls, and when. */
struct p2p_mailbox_caller {
  const char *appid, *side;   /* one of the two sides of an application */
  const char *client_address; /* server/client_address.h */
  uint64_t now_ms;            /* on p2p_clock_ms() */
};

struct p2p_mailbox_store *p2p_mailbox_store_new(void); /* NULL when out of memory */
/* Takes NULL. Without subscribers. */
void p2p_mailbox_store_free(struct p2p_mailbox_store *store);

/* The functions below return P2P_ERR_ACCESS for a third side, P2P_ERR_TOO_LARGE at a limit,
 * P2P_ERR_INVALID or P2P_ERR_MEMORY. Their messages are those of the protocol, such as "crowded".
 * All names belong to the caller's application. */

/* Draws a free nameplate at random, of the least number of digits. It is not held before it is
 * claimed. */
int p2p_mailbox_store_allocate(struct p2p_mailbox_store *store, const char *appid,
                               char nameplate[static P2P_NAMEPLATE_MAX],
                               struct p2p_err *err) P2P_MUST_USE;
/* Holds a nameplate, and creates its mailbox if there is none. *mailbox is the mailbox's id, valid
 * while the nameplate is held. */
int p2p_mailbox_store_claim(struct p2p_mailbox_store *store,
                            const struct p2p_mailbox_caller *caller, const char *nameplate,
                            const char **mailbox, struct p2p_err *err) P2P_MUST_USE;
void p2p_mailbox_store_release(struct p2p_mailbox_store *store,
                               const struct p2p_mailbox_caller *caller, const char *nameplate);

/* Opens a mailbox, creating it if there is none, and delivers the messages that are in it.
 * `subscriber` is borrowed until p2p_mailbox_store_leave or _close. */
int p2p_mailbox_store_open(struct p2p_mailbox_store *store, const struct p2p_mailbox_caller *caller,
                           const char *mailbox, struct p2p_mailbox_subscriber *subscriber,
                           struct p2p_stored_mailbox **out, struct p2p_err *err) P2P_MUST_USE;
/* Adds a message and delivers it to all subscribers, the sender's too. */
int p2p_mailbox_store_add(struct p2p_stored_mailbox *mailbox,
                          const struct p2p_stored_message *message, uint64_t now_ms,
                          struct p2p_err *err) P2P_MUST_USE;
/* The connection has ended, but its side may come back. */
void p2p_mailbox_store_leave(struct p2p_stored_mailbox *mailbox,
                             struct p2p_mailbox_subscriber *subscriber, uint64_t now_ms);
/* The side is done with the mailbox. Deletes it once all its sides are. */
void p2p_mailbox_store_close(struct p2p_stored_mailbox *mailbox,
                             struct p2p_mailbox_subscriber *subscriber, const char *side);

/* Deletes mailboxes without a subscriber for P2P_STORE_IDLE_MS. */
void p2p_mailbox_store_prune(struct p2p_mailbox_store *store, uint64_t now_ms);
size_t p2p_mailbox_store_count(const struct p2p_mailbox_store *store); /* mailboxes */

#endif
