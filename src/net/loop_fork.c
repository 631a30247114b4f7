/* The end of a fork of a process that has used libuv.
 *
 * libuv's destructor, which exit() runs, stops and joins the threads of its pool. A fork has no
 * such threads, but a copy of the variables that say it has, and waits for them forever. The first
 * job that is run in a fork makes libuv initialize its pool again, and then the destructor works.
 */
#include "net/loop_fork.h"

#include <uv.h>

static void do_nothing(uv_work_t *request) { (void)request; }

void p2p_loop_prepare_exit_of_fork(void) {
  uv_loop_t loop;
  uv_work_t request;
  if (uv_loop_init(&loop) != 0) return;
  if (uv_queue_work(&loop, &request, do_nothing, NULL) == 0) uv_run(&loop, UV_RUN_DEFAULT);
  uv_loop_close(&loop);
}
