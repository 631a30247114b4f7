/* The part of a client that lives on the io thread: its membership of the board, the dispatcher of
 * its tasks, and its status. io thread only. */
#ifndef P2P_CLIENT_CLIENT_LOOP_H
#define P2P_CLIENT_CLIENT_LOOP_H

#include "base/log_queue.h"
#include "client/client_config.h"
#include "client/client_status.h"
#include "client/roll.h"
#include "client/task.h"

struct p2p_client_loop;

struct p2p_client_loop_callbacks {
  /* Called whenever the status may have changed. */
  void (*on_status)(void *arg, const struct p2p_client_status *status);
  void (*on_task)(void *arg); /* a task has ended, or a condition has arrived */
};

/* Begins to join the board. Copies the structs; `log` is borrowed. */
int p2p_client_loop_new(const struct p2p_client_config *config, struct p2p_log_queue *log,
                        const struct p2p_client_loop_callbacks *callbacks, void *arg,
                        struct p2p_client_loop **out, struct p2p_err *err) P2P_MUST_USE;
/* Cancels all tasks, leaves the board and frees. No callbacks after. Takes NULL. */
void p2p_client_loop_free(struct p2p_client_loop *client);

/* Takes over all of `submitted`. If has_cancelled is set, tasks were cancelled on another thread.
 */
void p2p_client_loop_update(struct p2p_client_loop *client, struct p2p_task_queue *submitted,
                            bool has_cancelled);
/* Fills up to `capacity` workers; returns how many there are. */
size_t p2p_client_loop_workers(const struct p2p_client_loop *client, struct p2p_worker_info *out,
                               size_t capacity);
/* Asks all members who is there. P2P_ERR_CLOSED while disconnected. */
int p2p_client_loop_ask(struct p2p_client_loop *client) P2P_MUST_USE;
/* Those who have answered. */
const struct p2p_roll *p2p_client_loop_roll(const struct p2p_client_loop *client);
/* See p2p_dispatcher_explain. */
void p2p_client_loop_explain(const struct p2p_client_loop *client,
                             const struct p2p_requirements *needs, struct p2p_waiting *out);

#endif
