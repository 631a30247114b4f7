/* A service: a program with state on the io thread, such as a client, a worker or a server. Other
 * threads start it, call into it and stop it here, with the same rules for all services about what
 * happens when the io thread has ended or does not respond. Not on the io thread. */
#ifndef P2P_NET_SERVICE_H
#define P2P_NET_SERVICE_H

#include "net/loop.h"

struct p2p_service;

struct p2p_service_type {
  /* io thread. May return an error half-way: `stop` is called then. */
  int (*start)(void *state, const void *config, struct p2p_err *err);
  /* io thread, once after `start`: frees all that lives on the io thread. */
  void (*stop)(void *state);
  /* Any thread, last: frees the memory of the state. */
  void (*destroy)(void *state);
};

/* Runs `start` on the io thread and returns its result. `config` is only used until this returns.
 * The state belongs to the service from now on; after an error it was stopped and destroyed.
 * Errors: those of `start` and of p2p_loop_call, P2P_ERR_MEMORY. */
int p2p_service_start(struct p2p_loop *loop, const struct p2p_service_type *type, void *state,
                      const void *config, struct p2p_service **out,
                      struct p2p_err *err) P2P_MUST_USE;

/* Runs fn(state, arg) on the io thread and waits for it. The errors of p2p_loop_call: fn never
 * runs. */
int p2p_service_call(struct p2p_service *service, void (*fn)(void *state, void *arg), void *arg,
                     struct p2p_err *err) P2P_MUST_USE;

/* Runs `stop` on the io thread, waits for it, then destroys the state. Returns after at most
 * `timeout_ms`: if the io thread has not stopped the service by then, it stops and destroys it
 * later. If the io thread has ended, or after fork(), nothing can be stopped: the state leaks.
 * Takes NULL.
 */
void p2p_service_stop_within(struct p2p_service *service, uint32_t timeout_ms);
/* The same with P2P_LOOP_CALL_TIMEOUT_MS. */
void p2p_service_stop(struct p2p_service *service);

#endif
