/* The io thread: one libuv loop that owns every socket, timer and child of this process.
 * It blocks all signals and never touches R. All callbacks of net/, board/, wormhole/, server/,
 * client/ and worker/ run on it; functions without another word are called on it. */
#ifndef P2P_NET_LOOP_H
#define P2P_NET_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct p2p_loop;
struct uv_loop_s;

/* Starts the thread. Any thread. */
int p2p_loop_start(struct p2p_loop **out, struct p2p_err *err) P2P_MUST_USE;
/* Runs what was posted, waits at most 2 s for what is closing, joins the thread, frees. Not on the
 * io thread. Programs must have been freed before: a handle that is still open is closed after the
 * 2 s, and its memory leaks. False: a job still runs, such as looking up a name; exit() waits for
 * it, in libuv's destructor. */
bool p2p_loop_stop(struct p2p_loop *loop);
/* After fork() in the child: forgets the loop without touching what the parent owns. */
void p2p_loop_disown(struct p2p_loop *loop);

/* Any thread: runs fn(arg) on the io thread soon, in order. P2P_ERR_MEMORY; P2P_ERR_CLOSED after
 * p2p_loop_disown and while the loop ends: then fn never runs. */
int p2p_loop_post(struct p2p_loop *loop, void (*fn)(void *arg), void *arg);
/* Not on the io thread: runs fn(arg) there and returns when it has returned. Errors as with post.
 */
int p2p_loop_call(struct p2p_loop *loop, void (*fn)(void *arg), void *arg);
bool p2p_loop_is_here(const struct p2p_loop *loop);
/* For proc/, which spawns children on the same loop. */
struct uv_loop_s *p2p_loop_uv(struct p2p_loop *loop);

/* A timer. The callback may free its own timer. */
struct p2p_timer;
struct p2p_timer *p2p_timer_new(struct p2p_loop *loop, void (*fn)(void *arg), void *arg);
void p2p_timer_start(struct p2p_timer *timer, uint64_t delay_ms, uint64_t repeat_ms); /* restarts */
void p2p_timer_stop(struct p2p_timer *timer);
void p2p_timer_free(struct p2p_timer *timer); /* takes NULL */

/* Readiness of a descriptor that another library reads and writes (libssh). The watch does not
 * own fd; free the watch before closing fd. The callback may free its own watch. */
struct p2p_watch;
struct p2p_watch *p2p_watch_new(struct p2p_loop *loop, int fd,
                                void (*fn)(void *arg, bool readable, bool writable), void *arg);
int p2p_watch_set(struct p2p_watch *watch, bool want_read, bool want_write);
void p2p_watch_free(struct p2p_watch *watch); /* takes NULL */

#endif
