/* The topics of a board and who sits on them: the rules of protocol/board.md, "Topics and access"
 * and "Delivery". Pure: bytes go in by p2p_topics_write and come out by a callback. */
#ifndef P2P_SERVER_TOPICS_H
#define P2P_SERVER_TOPICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

#define P2P_TOPICS_NAME_MAX 384 /* bytes of a full topic name: user, '/', topic as typed */
#define P2P_TOPICS_HELD_MAX \
  (1024 * 1024) /* bytes that a writer who waits for a reader may write ahead */
#define P2P_TOPICS_HELD_IN_ALL_MAX (64 * 1024 * 1024) /* and all of them together */

struct p2p_topics;
struct p2p_subscription; /* one member on one topic */

/* Both are called from within the functions below and must not call back into them: queue, and act
 * later. */
struct p2p_topics_callbacks {
  void (*on_message)(void *arg, const uint8_t *bytes, size_t length);
  void (*on_finish)(void *arg); /* nothing more will come: the seat can be given back */
};

/* `of_user_max`: how many topics there may be at a time that one user, or one key without account,
 * has opened. */
struct p2p_topics *p2p_topics_new(const struct p2p_topics_callbacks *callbacks, size_t of_user_max);
void p2p_topics_free(
    struct p2p_topics *topics); /* takes NULL; every seat must have been given back */

struct p2p_subscribe_request {
  const char *user;        /* who asks; "public": a key without account */
  const char *fingerprint; /* of the key: access lists may name it */
  const char *label;       /* for `ls` */
  const char *topic;       /* as typed */
  const char *access;      /* joined by ','; NULL: none */
  bool reads, writes, replay, open_to_all, round_robin, wait_for_reader, keep_alive;
};

/* Gives a seat on the topic that the rules say: silently a private one where the user has no
 * access. P2P_ERR_TOO_LARGE when that would be one topic too many; P2P_ERR_INVALID when its name is
 * too long; P2P_ERR_MEMORY. on_finish may come from within. */
int p2p_topics_join(struct p2p_topics *topics, const struct p2p_subscribe_request *request,
                    void *arg, struct p2p_subscription **out) P2P_MUST_USE;
void p2p_topics_leave(struct p2p_subscription *subscription);

/* Somebody sits on the topic of this full name. */
bool p2p_topics_exists(const struct p2p_topics *topics, const char *name);
/* The full name of the seat's topic. */
const char *p2p_subscription_topic(const struct p2p_subscription *subscription);

/* Passes the bytes on as they are. P2P_ERR_TOO_LARGE when more than P2P_TOPICS_HELD_MAX, or
 * P2P_TOPICS_HELD_IN_ALL_MAX, wait for a first reader. */
int p2p_topics_write(struct p2p_subscription *subscription, const uint8_t *bytes,
                     size_t length) P2P_MUST_USE;
/* The member will write no more: on_finish as soon as nothing of it waits for a reader. */
void p2p_topics_end_input(struct p2p_subscription *subscription);
/* A writer who waits for a reader has found one (or does not wait). */
bool p2p_subscription_was_read(const struct p2p_subscription *subscription);

/* Appends what `ls` prints for this user. P2P_ERR_TOO_LARGE, P2P_ERR_MEMORY. */
int p2p_topics_list(const struct p2p_topics *topics, const char *user,
                    struct p2p_buf *out) P2P_MUST_USE;

#endif
