/* One timer and one job: while the file is written, or an attempt has failed, more is counted. */
#include "ledger/recording.h"

#include <stdlib.h>

#include "net/job.h"
#include "net/timer.h"

struct p2p_recording {
  struct p2p_loop *loop;
  struct p2p_log_queue *log;
  struct p2p_recorder *recorder;
  struct p2p_timer *timer;
  struct p2p_job *job;
  bool is_timed; /* the timer runs */
  bool has_warned;
};

/* Data of the job. */
struct attempt {
  struct p2p_recorder *recorder;
  int code;
  struct p2p_err err;
};

static void work(void *data) {
  struct attempt *attempt = data;
  attempt->code = p2p_recorder_write(attempt->recorder, &attempt->err);
}

static void release(void *data) {
  struct attempt *attempt = data;
  p2p_recorder_free(attempt->recorder);
  free(attempt);
}

static void write_in(struct p2p_recording *recording, uint64_t delay_ms) {
  recording->is_timed = true;
  p2p_timer_start(recording->timer, delay_ms, 0);
}

/* The advice for keys is not about this file. */
static void warn(struct p2p_recording *recording, const struct p2p_err *why) {
  struct p2p_err err = *why;
  if (recording->has_warned) return;
  recording->has_warned = true;
  err.reason = NULL;
  p2p_err_prefix(&err, "contributions are not recorded");
  p2p_log_error(recording->log, P2P_LOG_WARN, &err);
}

static void done(void *arg, void *data) {
  struct p2p_recording *recording = arg;
  struct attempt *attempt = data;
  recording->job = NULL;
  if (attempt->code != P2P_OK) {
    warn(recording, &attempt->err);
    write_in(recording, P2P_RECORDING_RETRY_MS);
  } else {
    recording->has_warned = false;
    if (p2p_recorder_is_due(recording->recorder)) write_in(recording, P2P_RECORDING_MS);
  }
  release(data);
}

static void on_time(void *arg) {
  struct p2p_recording *recording = arg;
  struct attempt *attempt = calloc(1, sizeof *attempt);
  recording->is_timed = false;
  if (attempt == NULL) return write_in(recording, P2P_RECORDING_RETRY_MS);
  attempt->recorder = p2p_recorder_ref(recording->recorder);
  const struct p2p_job_config config = {.may_block = true,
                                        .work = work,
                                        .done = done,
                                        .release = release,
                                        .data = attempt,
                                        .arg = recording};
  if (p2p_job_start(recording->loop, &config, &recording->job) == P2P_OK) return;
  release(attempt);
  write_in(recording, P2P_RECORDING_RETRY_MS);
}

struct p2p_recording *p2p_recording_new(struct p2p_loop *loop, struct p2p_log_queue *log,
                                        struct p2p_recorder *recorder) {
  struct p2p_recording *recording = recorder != NULL ? calloc(1, sizeof *recording) : NULL;
  if (recording == NULL) return NULL;
  recording->timer = p2p_timer_new(loop, on_time, recording);
  if (recording->timer == NULL) {
    free(recording);
    return NULL;
  }
  recording->loop = loop;
  recording->log = log;
  recording->recorder = p2p_recorder_ref(recorder);
  return recording;
}

void p2p_recording_free(struct p2p_recording *recording) {
  if (recording == NULL) return;
  p2p_job_cancel(recording->job);
  p2p_timer_free(recording->timer);
  p2p_recorder_free(recording->recorder);
  free(recording);
}

void p2p_recording_add(struct p2p_recording *recording, enum p2p_ledger_side side,
                       const char *cluster, const char *member,
                       const struct p2p_ledger_counts *counts) {
  struct p2p_ledger_key key;
  if (recording == NULL || !p2p_ledger_key_set(&key, side, cluster, member)) return;
  p2p_recorder_add(recording->recorder, &key, counts);
  if (recording->job == NULL && !recording->is_timed && p2p_recorder_is_due(recording->recorder))
    write_in(recording, P2P_RECORDING_MS);
}
