/* A peer: the link to one worker, from the code that is told on the board to its end, with the lane
 * of tasks on it. io thread only. */
#ifndef P2P_CLIENT_WORKER_LINK_H
#define P2P_CLIENT_WORKER_LINK_H

#include "client/client_loop.h"
#include "client/inventory.h"
#include "client/task_stream.h"

#define P2P_WORKER_LINK_TIMEOUT_MS 30000 /* for setting up a link */

/* Begins to open a link; worker->peer is set, or the worker is to be tried again later. */
void p2p_worker_link_open(struct p2p_client *client, struct p2p_roster_worker *worker);
/* NULL until the worker has said hello over the link. */
struct p2p_task_stream *p2p_worker_link_lane(const struct p2p_worker_link *peer);
const char *p2p_worker_link_path(const struct p2p_worker_link *peer); /* "" before it is open */
uint64_t p2p_worker_link_since_ms(const struct p2p_worker_link *peer);
struct p2p_inventory *p2p_worker_link_inventory(struct p2p_worker_link *peer);
/* Asks the worker about the packages that were looked up and not asked for yet. */
void p2p_worker_link_ask(struct p2p_worker_link *peer, uint64_t now_ms);
/* Does the scheduler's step, short of opening and closing, with tasks from `waiting`. Where there
 * are fewer of them for it than was decided, the client decides again. */
void p2p_worker_link_work(struct p2p_worker_link *peer, const struct p2p_schedule_step *step,
                          struct p2p_task_queue *waiting);
void p2p_worker_link_sweep(struct p2p_worker_link *peer); /* after a cancel */
/* An error of writing was met: to be ended as soon as nobody is in the middle of something. */
bool p2p_worker_link_is_broken(const struct p2p_worker_link *peer);

/* Ends and frees it, and forgets its worker if that has left. Each task on it fails. */
void p2p_worker_link_fail(struct p2p_worker_link *peer,
                          const struct p2p_err *why);     /* NULL: the error that broke it */
void p2p_worker_link_close(struct p2p_worker_link *peer); /* no work for it */
void p2p_worker_link_cancel(struct p2p_worker_link *peer, const struct p2p_err *why);

#endif
