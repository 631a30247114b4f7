/* The io thread: one libuv loop that owns every socket, timer and child process of this process. It
 * blocks all signals and never calls R. All callbacks of net/ and of the rooms above it run on this
 * thread, and so do their functions unless their contract says otherwise. Nothing that runs on it
 * may block: work that can goes to a job (net/job.h). */
#ifndef P2P_NET_LOOP_H
#define P2P_NET_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "net/proxy.h"

#define P2P_LOOP_CALL_TIMEOUT_MS 10000
#define P2P_LOOP_STOP_TIMEOUT_MS 5000

struct p2p_loop;
struct uv_loop_s;

/* Starts the thread. Any thread. P2P_ERR_MEMORY, P2P_ERR_SYSTEM. */
int p2p_loop_start(struct p2p_loop **out, struct p2p_err *err) P2P_MUST_USE;
/* Runs what was posted, waits at most 2 s for handles that are closing and for jobs, joins the
 * thread and frees. Not on the io thread. Services must have been stopped before: a handle that is
 * still open is closed, and the memory of its owner leaks. False: a job, a name look-up or a
 * callback is still running (exit() waits for name look-ups, in libuv's destructor); the loop's
 * memory leaks and this code must stay loaded. */
bool p2p_loop_stop(struct p2p_loop *loop);
/* In the child after fork(): forgets the loop without touching what the parent owns. */
void p2p_loop_disown(struct p2p_loop *loop);

/* Any thread: runs fn(arg) on the io thread soon, in the order of the posts. P2P_ERR_MEMORY;
 * P2P_ERR_CLOSED while the loop ends and after p2p_loop_disown. After an error fn never runs. */
int p2p_loop_post(struct p2p_loop *loop, void (*fn)(void *arg), void *arg) P2P_MUST_USE;
/* Any thread but the io thread: runs fn(arg) there and returns when fn has returned. The errors of
 * p2p_loop_post; P2P_ERR_INVALID on the io thread; P2P_ERR_TIMEOUT if the io thread does not begin
 * within P2P_LOOP_CALL_TIMEOUT_MS. After an error fn never runs, so `arg` may be on the stack. */
int p2p_loop_call(struct p2p_loop *loop, void (*fn)(void *arg), void *arg) P2P_MUST_USE;
int p2p_loop_call_within(struct p2p_loop *loop, void (*fn)(void *arg), void *arg,
                         uint32_t timeout_ms) P2P_MUST_USE;
/* Fills `err` (may be NULL) for an error of p2p_loop_post or p2p_loop_call. Returns `code`. */
int p2p_loop_explain(int code, struct p2p_err *err);

/* Any thread. */
bool p2p_loop_is_here(const struct p2p_loop *loop);

/* --- for objects of the io thread --- */

/* A post without an allocation: its memory belongs to an object. Set fn and arg. */
struct p2p_post {
  struct p2p_post *next;
  void (*fn)(void *arg);
  void *arg;
  bool is_allocated; /* by p2p_loop_post */
};

/* Any thread: as p2p_loop_post. The post must stay until fn is called, and be in use once at a
 * time. P2P_ERR_CLOSED. */
int p2p_loop_post_own(struct p2p_loop *loop, struct p2p_post *post) P2P_MUST_USE;

/* io thread: runs post->fn after the callbacks that are running now have returned; also while the
 * loop ends. This is how an object can be freed within its own callbacks: its _free function
 * unlinks and silences it and closes what it has, and leaves the memory to a deferred post. If the
 * memory has handles of libuv, their close callback frees it instead. */
void p2p_loop_defer(struct p2p_loop *loop, struct p2p_post *post);

/* io thread: the loop does not end before p2p_loop_post_held. P2P_ERR_CLOSED while it ends. */
int p2p_loop_hold(struct p2p_loop *loop) P2P_MUST_USE;
/* In place of p2p_loop_post_held, if there is nothing to post. io thread. */
void p2p_loop_unhold(struct p2p_loop *loop);
/* Any thread, once for each p2p_loop_hold: runs post->fn on the io thread, also while the loop
 * ends. False when the loop has given up waiting: fn never runs. */
bool p2p_loop_post_held(struct p2p_loop *loop, struct p2p_post *post);

/* For the files of net/ and proc/ that use libuv on the same loop. */
struct uv_loop_s *p2p_loop_uv(struct p2p_loop *loop);
/* io thread: one buffer for all reads of sockets. Its bytes are valid until the next read. */
char *p2p_loop_read_buffer(struct p2p_loop *loop, size_t *size);

/* --- the proxy of this process; any thread --- */

/* From now on; copied. */
void p2p_loop_set_proxy(struct p2p_loop *loop, const struct p2p_proxy *proxy);
/* Copies the proxy that connections to `host` go through. False: there is none. Wipe the copy, it
 * may contain a password. */
bool p2p_loop_proxy_for(struct p2p_loop *loop, const char *host, struct p2p_proxy *out);

#endif
