/* What a mailbox server remembers: mailboxes, the nameplates that lead to them, and their messages.
 * Pure: the time is given, what happens is told by callbacks. Everything is bounded, since anybody
 * can ask. */
#ifndef P2P_SERVER_MAILBOX_STORE_H
#define P2P_SERVER_MAILBOX_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

#define P2P_STORE_NAME_MAX                                              \
  127 /* bytes of an application id, side, mailbox, phase or message id \
       */
#define P2P_STORE_BODY_MAX (256 * 1024)          /* bytes of one message */
#define P2P_STORE_MESSAGES_MAX 256               /* in one mailbox */
#define P2P_STORE_MAILBOXES_MAX 4096             /* in all */
#define P2P_STORE_MAILBOXES_OF_ORIGIN_MAX 1024   /* made by one address (server/client_address.h) */
#define P2P_STORE_BYTES_MAX (128u * 1024 * 1024) /* of messages in all */
#define P2P_STORE_BYTES_OF_ORIGIN_MAX \
  (32u * 1024 * 1024)             /* in the mailboxes that one address has made */
#define P2P_STORE_IDLE_MS 3600000 /* without anybody connected: forgotten */

struct p2p_mailbox_store;
struct p2p_stored_mailbox;

struct p2p_stored_message {
  const char *side, *phase, *body, *id; /* id may be NULL */
};

/* Hears of messages in a mailbox. Must not call back into the store. */
struct p2p_mailbox_subscriber {
  struct p2p_mailbox_subscriber *next; /* the store's */
  void (*on_message)(void *arg, const struct p2p_stored_message *message);
  void *arg;
};

struct p2p_mailbox_store *p2p_mailbox_store_new(void);
void p2p_mailbox_store_free(
    struct p2p_mailbox_store *store); /* takes NULL; nobody may listen any more */

/* Who asks: a side of an application, from somewhere. */
struct p2p_store_caller {
  const char *appid, *side;
  const char *client_address;
};

/* All names are those of an application (`appid`) and of one of its two sides. Errors come with the
 * words that the protocol knows ("crowded", ...): P2P_ERR_ACCESS for a third side,
 * P2P_ERR_TOO_LARGE at a bound, P2P_ERR_INVALID, P2P_ERR_MEMORY. */

/* A nameplate that is free, of least digits, drawn at random. It is not held before it is claimed.
 */
int p2p_mailbox_store_allocate(struct p2p_mailbox_store *store, const char *appid, char *nameplate,
                               size_t size, struct p2p_err *err) P2P_MUST_USE;
/* Holds a nameplate; makes its mailbox if there is none. *mailbox is the mailbox's id, valid while
 * it is held. */
int p2p_mailbox_store_claim(struct p2p_mailbox_store *store, const struct p2p_store_caller *caller,
                            const char *nameplate, uint64_t now_ms, const char **mailbox,
                            struct p2p_err *err) P2P_MUST_USE;
void p2p_mailbox_store_release(struct p2p_mailbox_store *store, const char *appid,
                               const char *nameplate, const char *side);
/* Opens a mailbox and tells all messages that are in it. */
int p2p_mailbox_store_open(struct p2p_mailbox_store *store, const struct p2p_store_caller *caller,
                           const char *mailbox, uint64_t now_ms,
                           struct p2p_mailbox_subscriber *subscriber,
                           struct p2p_stored_mailbox **out, struct p2p_err *err) P2P_MUST_USE;
/* Adds a message and tells it to all who listen, the sender too. */
int p2p_mailbox_store_add(struct p2p_stored_mailbox *mailbox,
                          const struct p2p_stored_message *message, uint64_t now_ms,
                          struct p2p_err *err) P2P_MUST_USE;
/* The connection has gone, but its side may come back. */
void p2p_mailbox_store_leave(struct p2p_stored_mailbox *mailbox,
                             struct p2p_mailbox_subscriber *subscriber, uint64_t now_ms);
/* The side is done with the mailbox; forgotten when both are. Also leaves. */
void p2p_mailbox_store_close(struct p2p_stored_mailbox *mailbox,
                             struct p2p_mailbox_subscriber *subscriber, const char *side);

/* Calls fn with each nameplate of an application. */
void p2p_mailbox_store_list(const struct p2p_mailbox_store *store, const char *appid,
                            void (*fn)(void *arg, const char *nameplate), void *arg);
/* Forgets what nobody has been connected to for P2P_STORE_IDLE_MS. */
void p2p_mailbox_store_prune(struct p2p_mailbox_store *store, uint64_t now_ms);
size_t p2p_mailbox_store_count(const struct p2p_mailbox_store *store); /* mailboxes */

#endif
