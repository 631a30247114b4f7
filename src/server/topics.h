/* The topics of a board and their subscriptions: who may join which topic, and who gets which
 * bytes. Pure: bytes go in by p2p_subscription_write and come out by a callback.
 *
 * A topic belongs to a namespace: that of a user, as in alice/friends, or `public`. A user who asks
 * for a topic TOPIC gets
 *   - public/TOPIC, if the request says so;
 *   - TOPIC itself, if it is in the user's own namespace, or if it is open and its access list
 * names the user or the user's key;
 *   - USER/TOPIC otherwise: to ask for another user's topic without access does not fail, it leads
 *     to a private topic such as bob/alice/friends.
 * The access list is that of the member that opened the topic. */
#ifndef P2P_SERVER_TOPICS_H
#define P2P_SERVER_TOPICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

#define P2P_TOPICS_NAME_MAX 384 /* bytes of a full topic name: user, '/', topic as typed */

struct p2p_topics;
struct p2p_subscription; /* of one member to one topic */

/* Both are called from within the functions below and must not call back into them. */
struct p2p_subscriber_callbacks {
  void (*on_message)(void *arg, const uint8_t *bytes, size_t length);
  void (*on_finish)(void *arg); /* nothing more will come: unsubscribe */
};

/* `per_user_max`: how many topics may be open at a time that one user, or one key without an
 * account, has opened. NULL when out of memory. */
struct p2p_topics *p2p_topics_new(size_t per_user_max);
void p2p_topics_free(struct p2p_topics *topics); /* takes NULL; without subscriptions */

struct p2p_subscribe_request {
  const char *user;        /* "public" for a key without an account */
  const char *fingerprint; /* of the key: access lists may name it */
  const char *label;       /* for `ls` */
  const char *topic;       /* as typed */
  const char *access;      /* -a: users and fingerprints joined by ','; NULL: none */
  bool reads, writes;
  bool replay;          /* -r: own messages too */
  bool is_public;       /* -p: public/TOPIC, which everybody may join */
  bool round_robin;     /* -d round_robin: each message to one reader, in turn */
  bool wait_for_reader; /* messages are kept until the first reader joins */
  bool keep_alive;      /* -k: stays when the last writer leaves */
};

/* Subscribes to the topic that the rules give: where the user has no access, silently to a private
 * one in the user's own namespace. P2P_ERR_TOO_LARGE when the user has per_user_max topics,
 * P2P_ERR_INVALID when the topic's full name is too long, P2P_ERR_MEMORY. Copies the request. */
int p2p_topics_subscribe(struct p2p_topics *topics, const struct p2p_subscribe_request *request,
                         const struct p2p_subscriber_callbacks *callbacks, void *arg,
                         struct p2p_subscription **out) P2P_MUST_USE;
void p2p_topics_unsubscribe(struct p2p_subscription *subscription);

/* Whether a topic with this full name is open. */
bool p2p_topics_exists(const struct p2p_topics *topics, const char *name);
/* Appends what `ls` prints for this user. P2P_ERR_TOO_LARGE, P2P_ERR_MEMORY. */
int p2p_topics_list(const struct p2p_topics *topics, const char *user,
                    struct p2p_buf *out) P2P_MUST_USE;

/* The full name of the topic. */
const char *p2p_subscription_topic(const struct p2p_subscription *subscription);
/* A writer that waits for its first reader. */
bool p2p_subscription_is_pending(const struct p2p_subscription *subscription);

/* Passes the bytes on: where a pipe has created the topic, as whole lines (server/whole_lines.h),
 * so that no member can cut the line of another; elsewhere as they are. P2P_ERR_TOO_LARGE when more
 * than P2P_TOPICS_PENDING_MAX of this writer, or P2P_TOPICS_PENDING_TOTAL_MAX of all writers, would
 * wait for a first reader. */
int p2p_subscription_write(struct p2p_subscription *subscription, const uint8_t *bytes,
                           size_t length) P2P_MUST_USE;
/* The member will write no more: on_finish as soon as none of its bytes wait for a reader. */
void p2p_subscription_end_input(struct p2p_subscription *subscription);

#endif
