/* A task stream: the tasks that run at one worker. The client's part of the link protocol
 * (protocol/frame.h) without I/O: slots that are held, tasks on their way to the worker and results
 * on their way back. Frames go out through callbacks and come in as arguments, as does the time. io
 * thread only. */
#ifndef P2P_CLIENT_TASK_STREAM_H
#define P2P_CLIENT_TASK_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/room.h"
#include "client/schedule.h"
#include "client/task.h"
#include "protocol/frame.h"

struct p2p_task_stream;

struct p2p_task_stream_config {
  const char *worker;        /* "carol@desk:4711"; copied */
  uint32_t slots;            /* of the worker */
  uint64_t object_cap_bytes; /* largest result or condition that is accepted */
  size_t queue_high_bytes;   /* no DATA is sent while more is queued */
  int (*send)(void *arg, uint8_t type, uint32_t task, const void *payload, size_t length);
  size_t (*queued)(void *arg);
  /* A task has ended, or one with parts was sent, or a condition has arrived. */
  void (*on_task)(void *arg);
  /* A task has been lost without its worker, and waits again. Takes over the reference. */
  void (*on_again)(void *arg, struct p2p_task *task);
  /* A task that the worker has taken is not RUNNING here any more: it has ended, or waits again.
   * With the bytes of objects that were sent and received for it. */
  void (*on_left)(void *arg, struct p2p_task *task, uint64_t sent, uint64_t received);
  /* R is slow to read a result: see p2p_result_is_ahead. To read less from the link for a while. */
  void (*on_ahead)(void *arg);
  void *arg;
};

/* NULL: out of memory. */
struct p2p_task_stream *p2p_task_stream_new(const struct p2p_task_stream_config *config,
                                            uint64_t now_ms);
/* Releases its tasks, which must have ended: see p2p_task_stream_fail and _cancel_all. Takes NULL.
 */
void p2p_task_stream_free(struct p2p_task_stream *stream);

/* Fills what the scheduler needs to know, except for the eligible tasks. */
void p2p_task_stream_describe(const struct p2p_task_stream *stream, uint64_t now_ms,
                              struct p2p_schedule_worker *out);
/* The number of tasks that have not ended. */
uint32_t p2p_task_stream_running(const struct p2p_task_stream *stream);

/* The task that waits there for what it requests; or NULL. Borrowed. */
struct p2p_task *p2p_task_stream_in_line(const struct p2p_task_stream *stream);

/* What is left at its worker for requests. `load`: see p2p_room_init. */
void p2p_task_stream_room(const struct p2p_task_stream *stream, const struct p2p_machine *machine,
                          const struct p2p_load *load, struct p2p_room *out);

/* ---- These return P2P_OK, or an error after which the link must be closed ---- */

/* Requests `count` slots in all. */
int p2p_task_stream_request_slots(struct p2p_task_stream *stream, uint32_t count,
                                  uint64_t now_ms) P2P_MUST_USE;
/* Returns up to `count` idle slots, those that are idle for longest first. */
int p2p_task_stream_return_slots(struct p2p_task_stream *stream, uint32_t count) P2P_MUST_USE;
/* Sends a task in state P2P_TASK_RUNNING, as far as the queue takes it. Requires an idle slot.
 * Takes over the reference. */
int p2p_task_stream_start(struct p2p_task_stream *stream, struct p2p_task *task) P2P_MUST_USE;
/* Continues sending, a piece of each task in turn. */
int p2p_task_stream_on_drain(struct p2p_task_stream *stream) P2P_MUST_USE;
/* Sends CANCEL for tasks that were cancelled on another thread, and for those that have left the
 * line (p2p_task_leave_line), which go to on_again. Their slots stay busy until the worker answers.
 */
int p2p_task_stream_cancel_ended(struct p2p_task_stream *stream) P2P_MUST_USE;
/* Handles a frame of the worker, of any type but HELLO, PACKAGES, LOAD and PING. Sets *changed when
 * slots or tasks have changed. */
int p2p_task_stream_on_frame(struct p2p_task_stream *stream, const struct p2p_frame *frame,
                             uint64_t now_ms, bool *changed, struct p2p_err *err) P2P_MUST_USE;

/* ---- The end ---- */

/* The link was lost, and `why` says how. Tasks that were not sent in full, or that have a retry
 * left, are moved to `again`; the others fail with P2P_ERR_LOST and the reason "worker_lost". */
void p2p_task_stream_fail(struct p2p_task_stream *stream, const struct p2p_err *why,
                          struct p2p_task_queue *again);
/* We close the link: all tasks fail with `why`, and CANCEL is sent for each, if possible. */
void p2p_task_stream_cancel_all(struct p2p_task_stream *stream, const struct p2p_err *why);

#endif
