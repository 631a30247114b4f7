/* The worker service: a member of the board that lends slots to clients and supervises the
 * evaluators under them. Lives on the io thread; any other thread may call these functions. */
#ifndef P2P_WORKER_WORKER_H
#define P2P_WORKER_WORKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/log_queue.h"
#include "worker/tally.h"
#include "worker/worker_config.h"

struct p2p_worker;

/* Writes what it does to `log` (borrowed), with P2P_LOG_FATAL when it fails later. */
int p2p_worker_new(const struct p2p_worker_config *config, struct p2p_log_queue *log,
                   struct p2p_worker **out, struct p2p_err *err) P2P_MUST_USE;
/* Accepts no new clients and recalls all slots; running tasks continue. When no client holds a slot
 * any more, the worker logs it and p2p_worker_is_done becomes true. */
void p2p_worker_drain(struct p2p_worker *worker);
struct p2p_worker_news {
  bool has_policy_changed; /* config.policy_file, since the last call */
  bool is_drained;         /* by p2p_worker_drain, or by its owner over the control socket */
};
/* To be called after log lines: each is one. */
struct p2p_worker_news p2p_worker_news(struct p2p_worker *worker);
/* From now on. Copied. */
void p2p_worker_set_policy(struct p2p_worker *worker, const struct p2p_policy *policy);
/* Drained, or failed. */
bool p2p_worker_is_done(struct p2p_worker *worker);
/* Milliseconds since the last future ended, or since the start; 0 while one runs or waits. */
uint64_t p2p_worker_idle_ms(struct p2p_worker *worker);
/* All zero after the io thread has ended. */
void p2p_worker_report(struct p2p_worker *worker, struct p2p_worker_report *out);
/* Closes the links, so that running tasks are lost to their clients, leaves the board, kills the
 * evaluators, removes their files and frees. Bounded. Takes NULL. */
void p2p_worker_free(struct p2p_worker *worker);

#endif
