/* The workers of the cluster: the roster of those that are on the board, and the links to them.
 * Its owner passes on what happens on the board; it reports through callbacks. io thread only. */
#ifndef P2P_CLIENT_WORKERS_H
#define P2P_CLIENT_WORKERS_H

#include "base/log_queue.h"
#include "board/member.h"
#include "client/client_config.h"
#include "client/client_status.h"
#include "client/roster.h"
#include "client/task.h"

struct p2p_workers;

struct p2p_workers_callbacks {
  void (*on_change)(void *arg); /* workers, slots, tasks or packages have changed */
  void (*on_task)(void *arg);   /* a task has ended, or a condition has arrived */
  /* A worker or an evaluator was lost. `tasks` ran there and may run again: move them elsewhere. */
  void (*on_lost)(void *arg, struct p2p_task_queue *tasks);
};

/* Copies the structs; `log` is borrowed. */
int p2p_workers_new(const struct p2p_client_config *config, struct p2p_log_queue *log,
                    const struct p2p_workers_callbacks *callbacks, void *arg,
                    struct p2p_workers **out, struct p2p_err *err) P2P_MUST_USE;
/* Cancels the tasks that run, with `why`, closes the links and frees. Takes NULL. */
void p2p_workers_free(struct p2p_workers *workers, const struct p2p_err *why);

/* The client has joined the board, for the first time or again. `member` is borrowed until
 * p2p_workers_free. */
void p2p_workers_on_joined(struct p2p_workers *workers, struct p2p_member *member);
void p2p_workers_on_disconnected(struct p2p_workers *workers);
/* A line of another member. Returns whether it has changed the roster: the caller then decides, as
 * after on_change. */
bool p2p_workers_on_line(struct p2p_workers *workers, const struct p2p_line *line);
bool p2p_workers_is_joined(const struct p2p_workers *workers);
/* Valid once joined. */
const char *p2p_workers_cluster(const struct p2p_workers *workers);

/* The known workers. Valid until the next call that changes the roster or a link. */
const struct p2p_roster *p2p_workers_roster(const struct p2p_workers *workers);
/* Forgets silent workers, and sends a hello that is due: after a worker was lost or has left, and
 * now and then while a task waits (is_waiting) and no worker is in sight. Returns when to call it
 * again; UINT64_MAX: not before a change. */
uint64_t p2p_workers_refresh(struct p2p_workers *workers, bool is_waiting, uint64_t now_ms);
/* When every worker that is on the board has had the time to answer our latest hello; UINT64_MAX
 * while another hello is due. */
uint64_t p2p_workers_settled_ms(const struct p2p_workers *workers);

/* Starts to open a link: worker->link is set. On failure, worker->retry_at_ms is. */
void p2p_workers_open_link(struct p2p_workers *workers, struct p2p_roster_worker *worker);
/* Closes a link that is idle, or whose set-up takes too long. */
void p2p_workers_close_link(struct p2p_workers *workers, struct p2p_roster_worker *worker);
/* Ends the links on which a write has failed. Returns whether there were any. */
bool p2p_workers_close_broken_links(struct p2p_workers *workers);
/* Ends the links to devices that the owner has expelled, and forgets their workers. */
void p2p_workers_expel(struct p2p_workers *workers, const struct p2p_sign_public *devices,
                       size_t n_devices);
/* Sends CANCEL for tasks that were cancelled on another thread. */
void p2p_workers_cancel_ended(struct p2p_workers *workers);

#endif
