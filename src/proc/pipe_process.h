/* A child process that is talked to by its stdin and stdout: plain bytes, no frames. It has its own
 * session, so that Ctrl-C is not for it, and what it says on stderr is kept for when it ends. io
 * thread only. */
#ifndef P2P_PROC_PIPE_PROCESS_H
#define P2P_PROC_PIPE_PROCESS_H

#include <stddef.h>

#include "base/err.h"

struct uv_loop_s;
struct p2p_pipe_process;

#define P2P_PIPE_PROCESS_QUEUE_MAX (1024 * 1024) /* bytes that wait to be read by it */
#define P2P_PIPE_PROCESS_ERRORS_MAX 2048         /* of stderr: the first ones are kept */

struct p2p_pipe_process_callbacks {
  void (*on_output)(void *arg, const char *bytes, size_t length);
  /* It has ended, or was killed (-1, or not known). The last event; then free. */
  void (*on_end)(void *arg, int exit_status, const char *errors);
};

/* argv[0] is looked up in PATH; no shell. The error of a failed exec is reported here. */
int p2p_pipe_process_spawn(struct uv_loop_s *loop, const char *const *argv,
                           const struct p2p_pipe_process_callbacks *callbacks, void *arg,
                           struct p2p_pipe_process **out, struct p2p_err *err) P2P_MUST_USE;
/* Queues a copy. P2P_ERR_TOO_LARGE, P2P_ERR_CLOSED, P2P_ERR_MEMORY. */
int p2p_pipe_process_write(struct p2p_pipe_process *piped, const void *bytes, size_t length);
/* Kills it and its children if it still runs. No events after. Takes NULL. Safe from within its
 * events. */
void p2p_pipe_process_free(struct p2p_pipe_process *piped);

#endif
