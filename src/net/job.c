/* Jobs on libuv's pool, or on threads of their own. */
#include "net/job.h"

#include <pthread.h>
#include <stdlib.h>
#include <uv.h>

struct p2p_job {
  struct p2p_job_config config;
  struct p2p_loop *loop;
  bool is_canceled;
  uv_work_t pooled;     /* unless may_block */
  struct p2p_post post; /* if may_block */
};

/* --- on the io thread --- */

static void end(void *arg) {
  struct p2p_job *job = arg;
  struct p2p_job_config config = job->config;
  bool is_canceled = job->is_canceled;
  free(job);
  if (is_canceled)
    config.release(config.data);
  else
    config.done(config.arg, config.data);
}

static void on_pool_end(uv_work_t *request, int status) {
  (void)status; /* UV_ECANCELED only after p2p_job_cancel */
  end(request->data);
}

/* --- on another thread --- */

static void work_on_pool(uv_work_t *request) {
  struct p2p_job *job = request->data;
  job->config.work(job->config.data);
}

static void *work_on_thread(void *arg) {
  struct p2p_job *job = arg;
  job->config.work(job->config.data);
  if (!p2p_loop_post_held(job->loop, &job->post)) free(job); /* abandoned */
  return NULL;
}

/* --- on the io thread --- */

/* The thread inherits the signal mask of the io thread: all are blocked. */
static int start_thread(struct p2p_job *job) {
  pthread_t thread;
  job->post = (struct p2p_post){.fn = end, .arg = job};
  int code = p2p_loop_hold(job->loop);
  if (code != P2P_OK) return code;
  if (pthread_create(&thread, NULL, work_on_thread, job) == 0) {
    pthread_detach(thread);
    return P2P_OK;
  }
  p2p_loop_unhold(job->loop);
  return P2P_ERR_SYSTEM;
}

int p2p_job_start(struct p2p_loop *loop, const struct p2p_job_config *config,
                  struct p2p_job **out) {
  struct p2p_job *job = calloc(1, sizeof *job);
  if (job == NULL) return P2P_ERR_MEMORY;
  job->config = *config;
  job->loop = loop;
  job->pooled.data = job;
  int code = P2P_OK;
  if (config->may_block)
    code = start_thread(job);
  else if (uv_queue_work(p2p_loop_uv(loop), &job->pooled, work_on_pool, on_pool_end) != 0)
    code = P2P_ERR_SYSTEM;
  if (code == P2P_OK)
    *out = job;
  else
    free(job);
  return code;
}

int p2p_job_explain(int code, struct p2p_err *err) {
  if (code != P2P_ERR_SYSTEM) return p2p_loop_explain(code, err);
  return p2p_err_because(err, "too_many_processes",
                         p2p_err_set(err, code, "cannot start a thread"));
}

void p2p_job_cancel(struct p2p_job *job) {
  if (job == NULL) return;
  job->is_canceled = true;
  /* Work that has not begun is dropped; on_pool_end is called in either case. */
  if (!job->config.may_block) (void)uv_cancel((uv_req_t *)&job->pooled);
}
