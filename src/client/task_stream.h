/* A lane: what runs at one worker. The client's part of the link protocol (protocol/frame.h)
 * without I/O: slots that are held, tasks on their way there and results on their way back. Frames
 * go in and out through functions; time is an argument. io thread only. */
#ifndef P2P_CLIENT_TASK_STREAM_H
#define P2P_CLIENT_TASK_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/schedule.h"
#include "client/task.h"
#include "protocol/frame.h"

struct p2p_task_stream;

struct p2p_task_stream_config {
  const char *worker;        /* "carol@desk:4711" */
  uint32_t slots;            /* that it has */
  uint64_t object_cap_bytes; /* of a result or condition */
  size_t queue_high_bytes;   /* no DATA is sent while more is queued */
  int (*send)(void *arg, uint8_t type, uint32_t task, const void *payload,
              size_t length); /* P2P_OK or an error */
  size_t (*queued)(void *arg);
  void (*on_news)(void *arg); /* a task has ended, or has a condition */
  void *arg;
};

struct p2p_task_stream *p2p_task_stream_new(const struct p2p_task_stream_config *config,
                                            uint64_t now_ms); /* NULL: out of memory */
/* Lets go of its tasks, which have ended (see p2p_task_stream_fail). Takes NULL. */
void p2p_task_stream_free(struct p2p_task_stream *stream);

/* The numbers for the scheduler's decision. */
void p2p_task_stream_describe(const struct p2p_task_stream *stream, uint64_t now_ms,
                              struct p2p_schedule_worker *out);
uint32_t p2p_task_stream_running(
    const struct p2p_task_stream *stream); /* tasks that somebody waits for */

/* The functions below return P2P_OK or an error after which the link is to be closed. */

/* Says what we want, on the way to more slots or fewer. */
int p2p_task_stream_want(struct p2p_task_stream *stream, uint32_t want,
                         uint64_t now_ms) P2P_MUST_USE;
/* Returns idle slots, at most those there are; the coldest first. */
int p2p_task_stream_give_back(struct p2p_task_stream *stream, uint32_t count) P2P_MUST_USE;
/* Sends a running task, as far as the queue takes it. There is an idle slot. The reference is taken
 * over. */
int p2p_task_stream_start(struct p2p_task_stream *stream, struct p2p_task *task) P2P_MUST_USE;
/* Goes on sending: at on_drain. Tasks take turns. */
int p2p_task_stream_pump(struct p2p_task_stream *stream) P2P_MUST_USE;
/* Tells the worker of the tasks that were cancelled from another thread. Their slots stay busy
 * until the worker's answer. */
int p2p_task_stream_sweep(struct p2p_task_stream *stream) P2P_MUST_USE;
/* Takes a frame of the worker's, any but HELLO, PACKAGES and PING. *decide: slots or tasks have
 * changed. */
int p2p_task_stream_take(struct p2p_task_stream *stream, const struct p2p_frame *frame,
                         uint64_t now_ms, bool *decide, struct p2p_err *err) P2P_MUST_USE;

/* The link is gone: its tasks have failed, with a sentence that says why; those that may run again
 * are put into `again`, the references with them. */
void p2p_task_stream_fail(struct p2p_task_stream *stream, const struct p2p_err *why,
                          struct p2p_task_queue *again);
/* We close: its tasks have failed with `why`, and the worker is told as far as the link takes it.
 */
void p2p_task_stream_cancel(struct p2p_task_stream *stream, const struct p2p_err *why);

#endif
