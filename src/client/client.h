/* A client of a cluster: joins the board, keeps a roster of workers, opens links to them, and runs
 * tasks in their slots. The work is done on the io thread; these functions are for all other
 * threads. */
#ifndef P2P_CLIENT_CLIENT_H
#define P2P_CLIENT_CLIENT_H

#include <stddef.h>

#include "base/log_queue.h"
#include "client/client_config.h"
#include "client/client_status.h"
#include "client/roll.h"
#include "client/task.h"

struct p2p_client;

/* Starts a client. It joins in the background: see p2p_client_status. `log` is borrowed until
 * p2p_client_free. P2P_ERR_INVALID for arguments that can be checked at once. */
int p2p_client_new(const struct p2p_client_config *config, struct p2p_log_queue *log,
                   struct p2p_client **out, struct p2p_err *err) P2P_MUST_USE;
/* Cancels all tasks, closes the links, leaves the board and frees. Waits for the io thread, with
 * the bound of p2p_service_stop. Takes NULL. */
void p2p_client_free(struct p2p_client *client);

void p2p_client_status(struct p2p_client *client, struct p2p_client_status *out);
/* Fills up to `capacity` workers; returns how many there are. None if the io thread has ended or
 * does not respond. */
size_t p2p_client_workers(struct p2p_client *client, struct p2p_worker_info *out, size_t capacity);

/* Asks all members who is there. They answer within a second; older versions do not answer.
 * P2P_ERR_CLOSED while disconnected from the board; or the errors of p2p_service_call. */
int p2p_client_ask(struct p2p_client *client) P2P_MUST_USE;
/* Fills up to `capacity` members that have answered; returns how many there are. None if the io
 * thread has ended or does not respond. */
size_t p2p_client_present(struct p2p_client *client, struct p2p_roll_member *out, size_t capacity);

/* Why a task with these needs waits, or would wait if all slots that it can
 * run in are busy. The errors of p2p_service_call. */
int p2p_client_explain(struct p2p_client *client, const struct p2p_requirements *needs,
                       struct p2p_waiting *out) P2P_MUST_USE;

/* Every change of the status or of a task increments a generation, which is never 0. Waits until it
 * differs from `seen` or timeout_ms have passed, and returns it. */
uint64_t p2p_client_wait(struct p2p_client *client, uint64_t seen, int timeout_ms);
/* A descriptor that is readable when something has changed since p2p_client_wait returned. Only
 * poll it. */
int p2p_client_fd(const struct p2p_client *client);
/* Another one, for an event loop, whatever p2p_client_wait has seen: readable when something has
 * changed since p2p_client_watch_poll returned. p2p_client_free hangs it up. Only poll it, or a
 * duplicate. */
int p2p_client_watch_fd(const struct p2p_client *client);
void p2p_client_watch_poll(struct p2p_client *client);

/* Queues a new task, and takes a reference of its own. Tasks start in the order of submission,
 * except that a task is overtaken while no worker with its packages is free. When the client has
 * failed: returns that error, and the task stays P2P_TASK_NEW. */
int p2p_client_submit(struct p2p_client *client, struct p2p_task *task,
                      struct p2p_err *err) P2P_MUST_USE;
/* Fails the task with P2P_ERR_CANCELED at once, and interrupts its worker. Does nothing if the task
 * has ended. */
void p2p_client_cancel(struct p2p_client *client, struct p2p_task *task);

#endif
