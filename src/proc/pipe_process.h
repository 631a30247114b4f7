/* A child process with pipes for stdin and stdout. It runs in a session of its own, so that Ctrl-C
 * does not reach it. The start of its stderr is kept for error messages. io thread only. */
#ifndef P2P_PROC_PIPE_PROCESS_H
#define P2P_PROC_PIPE_PROCESS_H

#include <stddef.h>

#include "base/err.h"

struct uv_loop_s;
struct p2p_pipe_process;

#define P2P_PIPE_PROCESS_QUEUE_MAX (1024 * 1024) /* bytes that it has not read yet */
#define P2P_PIPE_PROCESS_ERRORS_MAX 8192         /* bytes of stderr that are kept, the first ones */

struct p2p_pipe_process_callbacks {
  void (*on_output)(void *arg, const char *bytes, size_t length);
  /* It has ended; exit_status is -1 if it was killed or the status is unknown. The last callback;
   * then free. */
  void (*on_end)(void *arg, int exit_status, const char *errors);
};

/* Starts argv[0], which is looked up in PATH, without a shell. P2P_ERR_SYSTEM, also for a failed
 * exec; P2P_ERR_MEMORY. */
int p2p_pipe_process_spawn(struct uv_loop_s *loop, const char *const *argv,
                           const struct p2p_pipe_process_callbacks *callbacks, void *arg,
                           struct p2p_pipe_process **out, struct p2p_err *err) P2P_MUST_USE;
/* Queues a copy for its stdin. P2P_ERR_TOO_LARGE beyond the queue, P2P_ERR_CLOSED, P2P_ERR_MEMORY:
 * then nothing of it is queued. */
int p2p_pipe_process_write(struct p2p_pipe_process *piped, const void *bytes, size_t length);
/* Kills it and its process group if it still runs. No more callbacks. Safe within its callbacks.
 * Takes NULL. */
void p2p_pipe_process_free(struct p2p_pipe_process *piped);

#endif
