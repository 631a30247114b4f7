/* The key of a cluster as its host sees it: reads it when the files change, since the owner may
 * expel a member in another process, and announces its epoch to members who missed it. io thread
 * only. */
#ifndef P2P_BOARD_KEY_WATCH_H
#define P2P_BOARD_KEY_WATCH_H

#include "base/log_queue.h"
#include "board/key_job.h"

struct p2p_key_watch;

struct p2p_key_watch_callbacks {
  /* A later epoch has begun. May free the watch. */
  void (*on_key)(void *arg, const struct p2p_membership *membership);
  void (*send)(void *arg, const struct p2p_line *line); /* unsealed */
};

struct p2p_key_watch_config { /* pointers are borrowed; they outlive the watch */
  struct p2p_loop *loop;
  struct p2p_log_queue *log; /* may be NULL */
  const struct p2p_key_files *files;
  const struct p2p_device *device;
  const struct p2p_identity *from;
};

/* `epoch`: what the host announces now; copied. P2P_ERR_MEMORY, P2P_ERR_SYSTEM; errors of
 * p2p_key_place_path. */
int p2p_key_watch_new(const struct p2p_key_watch_config *config, const struct p2p_epoch *epoch,
                      const struct p2p_key_watch_callbacks *callbacks, void *arg,
                      struct p2p_key_watch **out, struct p2p_err *err) P2P_MUST_USE;
void p2p_key_watch_free(struct p2p_key_watch *watch); /* takes NULL */

/* Announces the epoch, at most once a second. */
void p2p_key_watch_announce(struct p2p_key_watch *watch);

#endif
