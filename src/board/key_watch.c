/* The host's look at its files, and its lines `epoch`. */
#include "board/key_watch.h"

#include <stdlib.h>
#include <time.h>

#include "net/file_watch.h"
#include "net/timer.h"

#define ANNOUNCE_MS 1000

struct p2p_key_watch {
  struct p2p_key_watch_config config;
  struct p2p_key_watch_callbacks callbacks;
  void *arg;
  struct p2p_epoch epoch;
  struct p2p_file_watch *file;
  struct p2p_job *job;
  bool has_changed; /* while the job was running */
  struct p2p_timer *timer;
  bool is_silent; /* the timer runs: an epoch was just announced */
  bool is_due;    /* and is to be announced again after it */
};

static void announce(struct p2p_key_watch *watch) {
  const struct p2p_owner_device owner = {.cluster = watch->config.files->cluster,
                                         .from = watch->config.from,
                                         .secret = &watch->config.device->secret_key};
  struct p2p_line line;
  if (p2p_epoch_write(&line, &watch->epoch, &owner, time(NULL)) == P2P_OK)
    watch->callbacks.send(watch->arg, &line);
  watch->is_silent = true;
  watch->is_due = false;
  p2p_timer_start(watch->timer, ANNOUNCE_MS, 0);
}

static void on_timer(void *arg) {
  struct p2p_key_watch *watch = arg;
  watch->is_silent = false;
  if (watch->is_due) announce(watch);
}

void p2p_key_watch_announce(struct p2p_key_watch *watch) {
  if (watch->is_silent)
    watch->is_due = true;
  else
    announce(watch);
}

static void look(void *arg);

static void on_read(void *arg, const struct p2p_key_job *result) {
  struct p2p_key_watch *watch = arg;
  bool is_read = result->code == P2P_OK;
  bool is_later = is_read && result->epoch.epoch > watch->epoch.epoch;
  watch->job = NULL;
  if (is_read)
    watch->epoch = result->epoch;
  else if (watch->config.log != NULL)
    p2p_log_error(watch->config.log, P2P_LOG_WARN, &result->err);
  if (is_later) announce(watch);
  if (watch->has_changed) look(watch);
  if (is_later) watch->callbacks.on_key(watch->arg, &result->membership); /* may free the watch */
}

static void look(void *arg) {
  struct p2p_key_watch *watch = arg;
  const struct p2p_key_job job = {.task = P2P_KEY_OWN, .files = *watch->config.files};
  struct p2p_err err;
  watch->has_changed = watch->job != NULL;
  if (watch->has_changed) return;
  if (p2p_key_job_start(watch->config.loop, &job, on_read, watch, &watch->job, &err) != P2P_OK &&
      watch->config.log != NULL)
    p2p_log_error(watch->config.log, P2P_LOG_WARN, &err);
}

int p2p_key_watch_new(const struct p2p_key_watch_config *config, const struct p2p_epoch *epoch,
                      const struct p2p_key_watch_callbacks *callbacks, void *arg,
                      struct p2p_key_watch **out, struct p2p_err *err) {
  const struct p2p_key_place place = p2p_key_files_place(config->files);
  char path[P2P_KEY_PATH_MAX];
  struct p2p_key_watch *watch = calloc(1, sizeof *watch);
  if (watch == NULL) return p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
  watch->config = *config;
  watch->callbacks = *callbacks;
  watch->arg = arg;
  watch->epoch = *epoch;
  watch->timer = p2p_timer_new(config->loop, on_timer, watch);
  int code = watch->timer == NULL ? p2p_err_set(err, P2P_ERR_MEMORY, "out of memory")
                                  : p2p_key_place_path(&place, P2P_MEMBERSHIP_FILE, path, err);
  if (code == P2P_OK) code = p2p_file_watch_new(config->loop, path, look, watch, &watch->file, err);
  if (code == P2P_OK)
    *out = watch;
  else
    p2p_key_watch_free(watch);
  return code;
}

void p2p_key_watch_free(struct p2p_key_watch *watch) {
  if (watch == NULL) return;
  p2p_job_cancel(watch->job);
  p2p_file_watch_free(watch->file);
  p2p_timer_free(watch->timer);
  free(watch);
}
