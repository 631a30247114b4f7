/* The evaluator's end of the pipe: blocking reads and writes of frames on fd 3, and the lifeline's
 * watcher. Runs in the child, on R's main thread, without a loop. */
#ifndef P2P_WORKER_EVALUATOR_CHANNEL_H
#define P2P_WORKER_EVALUATOR_CHANNEL_H

#include "base/blob.h"
#include "protocol/frame.h"

struct p2p_evaluator_channel;

/* Takes fd 3 and fd 4 (sets close-on-exec) and starts the watcher thread (all signals blocked): at
 * the end of the lifeline it kills the process group. P2P_ERR_SYSTEM where they are not open, or
 * where we do not lead a process group: not started by a supervisor. */
int p2p_evaluator_channel_open(struct p2p_evaluator_channel **out,
                               struct p2p_err *err) P2P_MUST_USE;
/* Ends the watcher, closes both descriptors, restores the signal mask. Takes NULL. */
void p2p_evaluator_channel_free(struct p2p_evaluator_channel *pipe);

/* Waits for the next whole TASK. P2P_OK: *task and *object (caller frees). P2P_ERR_CLOSED: the
 * supervisor is done with us. EINTR is retried. One for which there is no memory is answered with
 * LOST.
 *
 * The supervisor interrupts a task with a CANCEL frame and a SIGINT. One that is cancelled before
 * it was returned from here is dropped and answered with LOST. The calling thread has SIGINT
 * blocked from _open on, except from here until its RESULT is sent: one that was meant for an
 * earlier task is discarded, one that comes while this task arrives is delivered on return, so that
 * it interrupts the evaluation. */
int p2p_evaluator_channel_next(struct p2p_evaluator_channel *pipe, uint32_t *task,
                               struct p2p_blob **object, struct p2p_err *err) P2P_MUST_USE;
int p2p_evaluator_channel_send(struct p2p_evaluator_channel *pipe, uint8_t type, uint32_t task,
                               const void *payload, size_t length);
/* Sends `type` (RESULT, CONDITION) with the object's size, then its DATA. After a RESULT no
 * interrupt is for its task. */
int p2p_evaluator_channel_send_object(struct p2p_evaluator_channel *pipe, uint8_t type,
                                      uint32_t task, const struct p2p_blob *object);

#endif
