/* The evaluator's end of the channel to its supervisor: frames on fd 3, with blocking reads and
 * writes, and the lifeline on fd 4. Runs in the evaluator, on R's main thread, without a loop. */
#ifndef P2P_WORKER_EVALUATOR_CHANNEL_H
#define P2P_WORKER_EVALUATOR_CHANNEL_H

#include "base/blob.h"
#include "protocol/frame.h"

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

/* Waits for the next complete TASK. P2P_OK: *task and *object, which the caller frees.
 * P2P_ERR_CLOSED: the supervisor has closed the channel. EINTR is retried. A task that does not fit
 * into memory is refused with LOST.
 *
 * The supervisor interrupts a task with a CANCEL frame and a SIGINT. A task that is canceled before
 * this function has returned it is dropped and refused with LOST. The calling thread blocks SIGINT
 * from _open on, except between the return of this function and the RESULT of the task. A SIGINT
 * for an earlier task is discarded; one that arrives with this task is delivered on return and so
 * interrupts the evaluation. */
int p2p_evaluator_channel_next(struct p2p_evaluator_channel *channel, uint32_t *task,
                               struct p2p_blob **object, struct p2p_err *err) P2P_MUST_USE;
int p2p_evaluator_channel_send(struct p2p_evaluator_channel *channel, uint8_t type, uint32_t task,
                               const void *payload, size_t length) P2P_MUST_USE;
/* Sends a RESULT or CONDITION frame with the size of the object, and the object as DATA frames.
 * Blocks SIGINT from a RESULT on. */
int p2p_evaluator_channel_send_object(struct p2p_evaluator_channel *channel, uint8_t type,
                                      uint32_t task, const struct p2p_blob *object) P2P_MUST_USE;

#endif
