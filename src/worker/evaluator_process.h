/* A child process in its own session and process group: started, watched, interrupted, killed with
 * its whole tree. It has /dev/null as stdin, our stdout and stderr, a socketpair as fd 3 (frames)
 * and a lifeline as fd 4: when the lifeline ends (our death, even by kill -9), the child kills its
 * own group. io thread only: a thread that blocks SIGPIPE. */
#ifndef P2P_WORKER_EVALUATOR_PROCESS_H
#define P2P_WORKER_EVALUATOR_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/frame.h"

struct uv_loop_s;
struct p2p_evaluator_process;

#define P2P_EVALUATOR_PROCESS_FD_FRAMES 3
#define P2P_EVALUATOR_PROCESS_FD_LIFELINE 4

struct p2p_evaluator_process_callbacks {
  void (*on_frame)(void *arg, const struct p2p_frame *frame);
  void (*on_drain)(void *arg); /* may be NULL: everything queued has been taken */
  /* The process has ended (exit_status, -1: not known; or term_signal > 0). All frames that it had
   * written were shown before. The last event; then free. */
  void (*on_exit)(void *arg, int exit_status, int term_signal);
};

/* argv[0] is the program; env: "NAME=value" entries, NULL-terminated, the whole environment (NULL:
 * ours). The error of a failed exec is reported here. */
int p2p_evaluator_process_spawn(struct uv_loop_s *loop, const char *const *argv,
                                const char *const *env,
                                const struct p2p_evaluator_process_callbacks *callbacks, void *arg,
                                struct p2p_evaluator_process **out,
                                struct p2p_err *err) P2P_MUST_USE;
/* Neither it nor its end of the frames is known to have ended: what is sent may be read. */
bool p2p_evaluator_process_is_open(const struct p2p_evaluator_process *child);
/* Likewise, and the system says so too, at this moment. */
bool p2p_evaluator_process_runs(const struct p2p_evaluator_process *child);
int p2p_evaluator_process_send(struct p2p_evaluator_process *child, uint8_t type, uint32_t task,
                               const void *payload, size_t length);
size_t p2p_evaluator_process_queued(const struct p2p_evaluator_process *child);
/* Back-pressure: no on_frame until resumed, and the child's writes come to wait. Ends by itself
 * when the process does. */
void p2p_evaluator_process_pause(struct p2p_evaluator_process *child);
void p2p_evaluator_process_resume(struct p2p_evaluator_process *child);
void p2p_evaluator_process_interrupt(struct p2p_evaluator_process *child); /* SIGINT to the group */
void p2p_evaluator_process_kill(
    struct p2p_evaluator_process *child); /* SIGKILL to the group; on_exit follows */
/* Kills if it still runs; it is reaped as soon as it is dead, which the loop must still see. No
 * events after. Takes NULL. Safe from within an event of this child. */
void p2p_evaluator_process_free(struct p2p_evaluator_process *child);

/* "signal 9 (SIGKILL)", "exit status 3", "an exit status that the system did not tell". */
void p2p_evaluator_process_describe_end(int exit_status, int term_signal, char *out, size_t size);

#endif
