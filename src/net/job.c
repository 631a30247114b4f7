/* Jobs: libuv's work requests, one allocation each. */
#include "net/job.h"

#include <stdlib.h>
#include <uv.h>

struct job {
  uv_work_t uv;
  void (*work)(void *arg);
  void (*done)(void *arg);
  void *arg;
};

/* on a thread of the pool */
static void on_work(uv_work_t *request) {
  struct job *job = request->data;
  job->work(job->arg);
}

static void on_done(uv_work_t *request, int status) {
  struct job copy = *(struct job *)request->data;
  (void)status; /* nobody cancels */
  free(request->data);
  copy.done(copy.arg);
}

int p2p_job_run(struct p2p_loop *loop, void (*work)(void *arg), void (*done)(void *arg),
                void *arg) {
  struct job *job = malloc(sizeof *job);
  if (job == NULL) return P2P_ERR_MEMORY;
  job->work = work;
  job->done = done;
  job->arg = arg;
  job->uv.data = job;
  if (uv_queue_work(p2p_loop_uv(loop), &job->uv, on_work, on_done) == 0) return P2P_OK;
  free(job);
  return P2P_ERR_MEMORY;
}
