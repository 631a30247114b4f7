/* The tasks of one client at its worker: each waits for what it requests, if anything, and is then
 * on an evaluator. Frames go between the client's link and the evaluators as they arrive. Each task
 * gets one RESULT or one LOST. io thread only. */
#ifndef P2P_WORKER_CLIENT_TASKS_H
#define P2P_WORKER_CLIENT_TASKS_H

#include <stdbool.h>
#include <stdint.h>

#include "protocol/frame.h"
#include "protocol/lost.h"
#include "protocol/resources.h"
#include "worker/client_link_config.h"

struct p2p_client_task;
struct p2p_link;
struct p2p_part_store;

struct p2p_client_tasks {
  const struct p2p_client_link_shared *shared;
  size_t number;         /* of the client */
  const char *name;      /* of the client; borrowed */
  struct p2p_link *link; /* borrowed */
  bool reads_marks;      /* the client reads marks of LOST */
  bool broken;           /* a frame could not be sent: the link must be freed */
  uint32_t request_id;   /* of the TASK that a REQUEST came for; 0: none */
  struct p2p_resources request;
  struct p2p_part_store *parts; /* owned */
  struct p2p_client_task *list;
};

/* All tasks are lost with the link, and the parts. */
void p2p_client_tasks_abandon(struct p2p_client_tasks *tasks);

/* A link that has ended reports it. After any other error the client would miss a frame, so its
 * owner frees it; later, since this may be within a callback of an evaluator. */
void p2p_client_tasks_send(struct p2p_client_tasks *tasks, uint8_t type, uint32_t id,
                           const void *payload, size_t length);
void p2p_client_tasks_send_lost(struct p2p_client_tasks *tasks, uint32_t id,
                                enum p2p_lost_kind kind, const char *why);

/* Frames of the client. They return NULL, or how it broke the protocol. */
const char *p2p_client_tasks_on_request(struct p2p_client_tasks *tasks,
                                        const struct p2p_frame *frame);
const char *p2p_client_tasks_on_task(struct p2p_client_tasks *tasks, const struct p2p_frame *frame);
const char *p2p_client_tasks_on_data(struct p2p_client_tasks *tasks, const struct p2p_frame *frame);
const char *p2p_client_tasks_on_cancel(struct p2p_client_tasks *tasks,
                                       const struct p2p_frame *frame);
/* The link has taken what was sent. */
void p2p_client_tasks_on_drain(struct p2p_client_tasks *tasks);

/* The number of tasks on evaluators. Adds the time that they have taken so far to *lent_ms. */
uint32_t p2p_client_tasks_running(const struct p2p_client_tasks *tasks, uint64_t *lent_ms);

/* Of a reservation of a task: starts the task, or sends it back. Frees both, or at their end. */
void p2p_client_tasks_start(struct p2p_reservation *granted);
void p2p_client_tasks_send_back(struct p2p_reservation *waiting, const char *why);

#endif
