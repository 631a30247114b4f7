/* Gets the key of a cluster for this device, on a connection to its topic (board/enrolment.h has
 * the rules), and keeps it in the files. Also for a member whose key is no longer that of the
 * others. io thread only. */
#ifndef P2P_BOARD_NEWCOMER_H
#define P2P_BOARD_NEWCOMER_H

#include "base/log_queue.h"
#include "board/connection.h"
#include "board/enrolment.h"
#include "board/key_job.h"

struct p2p_newcomer;

struct p2p_newcomer_callbacks { /* one of them, once; free the newcomer in it, or later */
  void (*on_key)(void *arg, const struct p2p_key_job *kept); /* it is in the files */
  void (*on_keyless)(void *arg);                             /* the cluster has no key */
  void (*on_failed)(void *arg, const struct p2p_err *err);
};

struct p2p_newcomer_config { /* pointers are borrowed; they outlive the newcomer */
  struct p2p_loop *loop;
  struct p2p_log_queue *log; /* may be NULL */
  const struct p2p_key_files *files;
  struct p2p_enrolment_config enrolment; /* secret: wipe it. `cluster` is filled in */
};

/* P2P_ERR_MEMORY. */
int p2p_newcomer_new(const struct p2p_newcomer_config *config,
                     const struct p2p_newcomer_callbacks *callbacks, void *arg,
                     struct p2p_newcomer **out) P2P_MUST_USE;
/* Before the connection. No callbacks after; wipes. Takes NULL. */
void p2p_newcomer_free(struct p2p_newcomer *newcomer);

/* The line that asks for the key. */
int p2p_newcomer_write(const struct p2p_newcomer *newcomer, struct p2p_line *out) P2P_MUST_USE;
/* The connection has joined with that line: waits for an answer for `wait_ms`. */
void p2p_newcomer_await(struct p2p_newcomer *newcomer, struct p2p_connection *connection,
                        uint32_t wait_ms);
/* The same on a connection that has joined before: attests the device, and writes the line. */
void p2p_newcomer_start(struct p2p_newcomer *newcomer, struct p2p_connection *connection,
                        uint32_t wait_ms);

/* A plain-text line of the topic. */
void p2p_newcomer_read(struct p2p_newcomer *newcomer, const struct p2p_line *line);

#endif
