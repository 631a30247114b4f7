/* The evaluator's end of the channel to its supervisor: frames on fd 3, with blocking reads and
 * writes, and the lifeline on fd 4. Runs in the evaluator, on R's main thread, without a loop. */
#ifndef P2P_WORKER_EVALUATOR_CHANNEL_H
#define P2P_WORKER_EVALUATOR_CHANNEL_H

#include <stdbool.h>

#include "protocol/frame.h"
#include "protocol/given.h"
#include "protocol/task_parts.h"

struct p2p_evaluator_channel;

/* Takes over fd 3 and fd 4, sets close-on-exec, and starts the watcher thread, which blocks all
 * signals and kills the process group when the lifeline closes. P2P_ERR_SYSTEM, with the reason
 * "not_an_evaluator", when the descriptors are not open or this process does not lead a process
 * group. */
int p2p_evaluator_channel_open(struct p2p_evaluator_channel **out,
                               struct p2p_err *err) P2P_MUST_USE;
/* Ends the watcher, closes both descriptors and restores the signal mask. In a fork of the
 * evaluator it leaves the watcher, which exists in the parent only. Takes NULL. */
void p2p_evaluator_channel_free(struct p2p_evaluator_channel *channel);

/* Sends HELLO with these lines and the peak of memory. From now on, stderr leads to /dev/null:
 * nobody reads it. */
int p2p_evaluator_channel_hello(struct p2p_evaluator_channel *channel,
                                const char *text) P2P_MUST_USE;

/* All of these belong to the process that opened the channel: in a fork of it they return
 * P2P_ERR_INVALID.
 *
 * A task is read in three steps: _next, _read or _span until all of its object was read, _begin.
 * The supervisor interrupts a task with a CANCEL frame and a SIGINT. A task whose CANCEL arrives
 * before the end of _begin is answered with LOST here, and the rest of its object is ignored. The
 * calling thread blocks SIGINT from _open on, except between _begin and the RESULT of the task. A
 * SIGINT for an earlier task is discarded; one that arrives with this task is delivered by _begin
 * and so interrupts the evaluation. EINTR is retried. */

/* Waits for at most `timeout_ms` until something has arrived; returns whether it has. */
bool p2p_evaluator_channel_wait(const struct p2p_evaluator_channel *channel, int timeout_ms);
/* Waits for the next TASK. *size: bytes of its object.
 * P2P_ERR_CLOSED: the supervisor has closed the channel. */
int p2p_evaluator_channel_next(struct p2p_evaluator_channel *channel, uint32_t *task,
                               uint64_t *size, struct p2p_err *err) P2P_MUST_USE;
/* What was given to this task; zeros if it requested nothing. */
const struct p2p_given *p2p_evaluator_channel_given(const struct p2p_evaluator_channel *channel);
/* The parts of this task. If there are any, they come before the object: _need() says which of them
 * are to come, as bits, and waits for the reply of the supervisor; _next_part() says which of them
 * comes next, or -1; and after it was read, _end_part(). */
const struct p2p_task_parts *p2p_evaluator_channel_parts(
    const struct p2p_evaluator_channel *channel);
int p2p_evaluator_channel_need(struct p2p_evaluator_channel *channel, uint32_t needed) P2P_MUST_USE;
int p2p_evaluator_channel_next_part(const struct p2p_evaluator_channel *channel);
/* False: it is not a part, or was not read to its end. */
bool p2p_evaluator_channel_end_part(struct p2p_evaluator_channel *channel);
/* Waits for the next bytes of the object: at most `length`, to `out`. Returns how many, at least
 * one. P2P_ERR_CANCELED: the task was canceled. P2P_ERR_CLOSED, P2P_ERR_PROTOCOL; P2P_ERR_INVALID:
 * all of it was read. */
long p2p_evaluator_channel_read(struct p2p_evaluator_channel *channel, void *out,
                                size_t length) P2P_MUST_USE;
/* The same, but *bytes is where they are, until the next call. */
long p2p_evaluator_channel_span(struct p2p_evaluator_channel *channel,
                                const uint8_t **bytes) P2P_MUST_USE;
/* Ends the reading; what is left of the object is skipped. P2P_OK: the task is to be evaluated.
 * P2P_ERR_CANCELED: it was canceled. P2P_ERR_CLOSED, P2P_ERR_PROTOCOL. */
int p2p_evaluator_channel_begin(struct p2p_evaluator_channel *channel) P2P_MUST_USE;

int p2p_evaluator_channel_send(struct p2p_evaluator_channel *channel, uint8_t type, uint32_t task,
                               const void *payload, size_t length) P2P_MUST_USE;
/* Sends a RESULT frame for an object of `size` bytes and, in the same write, its first `length`
 * bytes, at most P2P_FRAME_PAYLOAD_MAX. The other ones follow as DATA frames. Blocks SIGINT. */
int p2p_evaluator_channel_send_result(struct p2p_evaluator_channel *channel, uint32_t task,
                                      uint64_t size, const void *bytes, size_t length) P2P_MUST_USE;
/* Whether a RESULT frame was sent for the task. */
bool p2p_evaluator_channel_has_result(const struct p2p_evaluator_channel *channel);

#endif
