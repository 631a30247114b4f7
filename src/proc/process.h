/* A child process without its pipes: started as the leader of a session, signalled and reaped.
 * Other packages in the same R session may handle SIGCHLD themselves (parallel does), so its end is
 * also detected by a process descriptor (Linux) or by polling. io thread only. */
#ifndef P2P_PROC_PROCESS_H
#define P2P_PROC_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#define P2P_PROCESS_UNKNOWN (-1) /* the exit status, if another handler has reaped it */

struct p2p_process;

/* It has ended, with exit_status or by the signal term_signal > 0. Called once. */
typedef void p2p_process_end(void *arg, int exit_status, int term_signal);

/* Sets UV_PROCESS_DETACHED and exit_cb. Returns 0 or libuv's error, also for a failed exec. */
int p2p_process_spawn(uv_loop_t *loop, const uv_process_options_t *options, p2p_process_end *on_end,
                      void *arg, struct p2p_process **out);
/* Signals its process group, which may outlive it. */
void p2p_process_signal(const struct p2p_process *process, int number);
/* Within on_end: the largest size of its memory, or of that of one of its children, and not less
 * than ours when it was started (an oddity of Linux); 0: unknown. */
uint64_t p2p_process_peak_bytes(const struct p2p_process *process);
/* The same of this process so far. Any thread. */
uint64_t p2p_process_own_peak_bytes(void);
/* A hint that it has ended or is about to. Without a process descriptor, polls until it has. */
void p2p_process_expect_end(struct p2p_process *process);
/* Whether it has ended, even if on_end was not called yet. */
bool p2p_process_has_ended(const struct p2p_process *process);
/* It is a keeper (proc/keeper): p2p_process_kill lets it kill what it keeps, and
 * p2p_process_suspend stop it. */
void p2p_process_set_keeper(struct p2p_process *process);
/* Stops its process group, or that of what it keeps, or lets it go on. */
void p2p_process_suspend(const struct p2p_process *process, bool is_suspended);
/* Kills its process group, which may outlive it. */
void p2p_process_kill(const struct p2p_process *process);
/* Kills it if it still runs, and frees it when it was reaped, while the loop runs. on_end is not
 * called. Takes NULL. */
void p2p_process_free(struct p2p_process *process);

#endif
