/* A child process itself, without its pipes: started as the leader of a session, signalled, its end
 * told. Other packages in the same R session may take SIGCHLD for themselves (parallel does), so
 * the end is also told by a descriptor of the process where the system has such (Linux), else by
 * looking for it. io thread only. */
#ifndef P2P_PROC_PROCESS_H
#define P2P_PROC_PROCESS_H

#include <stdbool.h>
#include <uv.h>

#define P2P_PROCESS_UNKNOWN (-1) /* the exit status, when the system did not tell how it ended */

struct p2p_process;

/* It has ended: with exit_status, or by term_signal > 0. Told once. */
typedef void p2p_process_end(void *arg, int exit_status, int term_signal);

/* UV_PROCESS_DETACHED and exit_cb are set here. 0 or libuv's error, that of a failed exec, too. */
int p2p_process_spawn(uv_loop_t *loop, const uv_process_options_t *options, p2p_process_end *on_end,
                      void *arg, struct p2p_process **out);
/* To all of its group; of one that has ended, to what it has left behind. */
void p2p_process_signal(const struct p2p_process *process, int number);
/* Something tells that it has ended, or is about to. Where that may be all that ever tells, it is
 * looked for until it has. */
void p2p_process_expect_end(struct p2p_process *process);
/* Asks the system: it may have ended, and on_end not been called yet. */
bool p2p_process_has_ended(const struct p2p_process *process);
/* Kills it if it still runs; reaps and frees as soon as it is dead, which the loop must still see.
 * on_end is not called after. */
void p2p_process_free(struct p2p_process *process);

#endif
