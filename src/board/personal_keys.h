/* Devices of one user that have made keys of their own for the user's personal cluster, since
 * neither found the other, come to one key: a device whose key no other one has gives it up. Of two
 * such devices the one with the smaller key keeps it. io thread only. */
#ifndef P2P_BOARD_PERSONAL_KEYS_H
#define P2P_BOARD_PERSONAL_KEYS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/log_queue.h"
#include "net/timer.h"

struct p2p_personal_keys {
  bool is_personal;          /* the cluster is; else the rest is unused */
  bool is_alone;             /* no other device has our key */
  struct p2p_log_queue *log; /* may be NULL */
  const char *cluster;
  void (*renew)(void *arg); /* get the key of the others */
  void *arg;
  struct p2p_timer *timer;
  bool is_waiting; /* the timer runs: does the other device give up its key? */
  uint64_t retry_ms;
  bool was_warned;
};

/* The rest is set by the caller. P2P_ERR_MEMORY. */
int p2p_personal_keys_init(struct p2p_personal_keys *keys, struct p2p_loop *loop) P2P_MUST_USE;
void p2p_personal_keys_clear(struct p2p_personal_keys *keys);

/* A line was sealed with the key `other`, and ours is `own` (ids of keys). */
void p2p_personal_keys_hear(struct p2p_personal_keys *keys, const char *other, const char *own);

#endif
