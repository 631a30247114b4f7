/* The process of an evaluator, in its own session and process group. It has /dev/null as stdin and
 * stdout, a pipe as stderr until it sends its first frame (then it must not write to it any more),
 * a socketpair as fd 3 (frames) and a second one as fd 4, the lifeline: when it
 * closes, since this process has died, the evaluator kills its process group. io thread only, which
 * blocks SIGPIPE. */
#ifndef P2P_WORKER_EVALUATOR_PROCESS_H
#define P2P_WORKER_EVALUATOR_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/frame.h"

struct uv_loop_s;
struct p2p_cgroups;
struct p2p_evaluator_process;

#define P2P_EVALUATOR_PROCESS_FD_FRAMES 3
#define P2P_EVALUATOR_PROCESS_FD_LIFELINE 4
#define P2P_EVALUATOR_PROCESS_FD_GROUP 5
#define P2P_EVALUATOR_PROCESS_ERRORS_MAX 512

#define P2P_EVALUATOR_PROCESS_QUEUE_SLOW (128 * 1024)
#define P2P_EVALUATOR_PROCESS_QUEUE_HIGH (8 * 1024 * 1024)

/* Whether it takes what is sent to it. */
enum p2p_evaluator_pace {
  P2P_EVALUATOR_KEEPS_UP,
  P2P_EVALUATOR_IS_SLOW, /* more than ..._SLOW bytes wait, and must be copied; said once until
                            on_drain */
  P2P_EVALUATOR_IS_FULL, /* more than ..._HIGH bytes wait */
  P2P_EVALUATOR_REFUSES  /* never said by a process: see p2p_evaluator_data */
};

struct p2p_evaluator_process_callbacks {
  void (*on_frame)(void *arg, const struct p2p_frame *frame);
  void (*on_drain)(void *arg); /* may be NULL: all queued frames have been written */
  /* The process has ended, with exit_status (-1: unknown) or by term_signal > 0. All frames that it
   * had written were delivered before. The last callback; then free. */
  void (*on_exit)(void *arg, int exit_status, int term_signal);
};

struct p2p_evaluator_process_config {
  struct uv_loop_s *loop;
  const char *const *argv; /* argv[0] is the program; NULL-terminated */
  const char *const *env;  /* "NAME=value", NULL-terminated; NULL: our environment */
  const char *folder;      /* its working directory; NULL: ours */
  bool is_kept;            /* argv starts a keeper, which starts the evaluator */
  /* It gets a control group of its own, which argv joins by fd 5 (see p2p_cgroup_open) before it
   * starts anything; NULL: none. */
  struct p2p_cgroups *groups;
};

/* Starts the process. A failed exec is an error here. */
int p2p_evaluator_process_spawn(const struct p2p_evaluator_process_config *config,
                                const struct p2p_evaluator_process_callbacks *callbacks, void *arg,
                                struct p2p_evaluator_process **out,
                                struct p2p_err *err) P2P_MUST_USE;
/* True while neither the process nor its end of the frames is known to have ended. */
bool p2p_evaluator_process_is_open(const struct p2p_evaluator_process *process);
/* The same, and the operating system confirms it. */
bool p2p_evaluator_process_runs(const struct p2p_evaluator_process *process);
/* Writes a frame, and queues what the process does not take at once; on_drain follows only then.
 * P2P_ERR_CLOSED, P2P_ERR_MEMORY, P2P_ERR_TOO_LARGE. */
int p2p_evaluator_process_send(struct p2p_evaluator_process *process, uint8_t type, uint32_t task,
                               const void *payload, size_t length) P2P_MUST_USE;
/* Within on_exit, if it has sent no frame: the start of what it wrote to stderr, on one line and
 * safe to show; else "". */
void p2p_evaluator_process_errors(const struct p2p_evaluator_process *process,
                                  char out[P2P_EVALUATOR_PROCESS_ERRORS_MAX]);
/* If it has a control group, limits what it and all that it starts have together, as it limits
 * itself: to `memory_bytes`, unless that is 0, more than it had at its HELLO. False: that failed.
 */
bool p2p_evaluator_process_limit(const struct p2p_evaluator_process *process, uint64_t memory_bytes,
                                 const struct p2p_frame *hello) P2P_MUST_USE;
/* Within on_exit: it was killed at that limit. */
bool p2p_evaluator_process_was_full(const struct p2p_evaluator_process *process);
/* Within on_exit: by how much its peak of memory (p2p_process_peak_bytes) was more than this. */
uint64_t p2p_evaluator_process_growth_bytes(const struct p2p_evaluator_process *process,
                                            uint64_t since_bytes);
/* Bytes that are not written yet. */
size_t p2p_evaluator_process_queued(const struct p2p_evaluator_process *process);
/* To be asked after each frame. */
enum p2p_evaluator_pace p2p_evaluator_process_pace(struct p2p_evaluator_process *process);
/* Back-pressure: no on_frame until resumed, and the writes of the process block. Has no effect once
 * the process has ended. */
void p2p_evaluator_process_pause(struct p2p_evaluator_process *process);
void p2p_evaluator_process_resume(struct p2p_evaluator_process *process);
/* Sends SIGINT to the process group, by way of the keeper if there is one. */
void p2p_evaluator_process_interrupt(struct p2p_evaluator_process *process);
/* Stops its process group, as SIGSTOP does, or lets it go on; by way of the keeper if there is one.
 * What has left the group goes on. */
void p2p_evaluator_process_suspend(struct p2p_evaluator_process *process, bool is_suspended);
/* Kills the process group, or all that its keeper keeps; on_exit follows. */
void p2p_evaluator_process_kill(struct p2p_evaluator_process *process);
/* Kills the process if it still runs. The loop must run until it has been reaped. No callbacks
 * after. Takes NULL. Safe from within a callback of this process. */
void p2p_evaluator_process_free(struct p2p_evaluator_process *process);

#endif
