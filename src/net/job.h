/* A job: work that could block the io thread (disk, hashing, other programs, the name service),
 * done on another thread, with its result handled on the io thread. io thread only. */
#ifndef P2P_NET_JOB_H
#define P2P_NET_JOB_H

#include "net/loop.h"

struct p2p_job;

struct p2p_job_config {
  /* false: runs on libuv's pool of four threads, which name look-ups share: for work that takes
   * milliseconds. true: gets a thread of its own: for work that may wait for a user, another
   * program or a network file system. */
  bool may_block;
  /* On the other thread. Uses nothing but `data`, which belongs to the job until it has ended. */
  void (*work)(void *data);
  /* On the io thread, after the work: `data` belongs to the owner again. The job is freed. */
  void (*done)(void *arg, void *data);
  /* On the io thread, in place of `done` if the job was canceled: frees `data`. */
  void (*release)(void *data);
  void *data, *arg;
};

/* Starts the work; never calls back from within. Jobs run side by side, in no order. Free the job
 * by p2p_job_cancel, or do nothing: it is freed when `done` is called. P2P_ERR_MEMORY,
 * P2P_ERR_SYSTEM (no thread), P2P_ERR_CLOSED (the loop ends): then the job does not exist, and
 * `data` is the caller's. While the loop ends it waits for jobs for some seconds, then abandons
 * them: no function is called, and their data leaks. */
int p2p_job_start(struct p2p_loop *loop, const struct p2p_job_config *config,
                  struct p2p_job **out) P2P_MUST_USE;

/* Fills `err` for a code that p2p_job_start has returned, and returns it. */
int p2p_job_explain(int code, struct p2p_err *err);

/* For an owner that is freed: `done` will not be called, and the job frees itself and its data when
 * the work, if it has begun, has returned. Takes NULL. Not from within `done` or later. */
void p2p_job_cancel(struct p2p_job *job);

#endif
