/* A users file that is read again whenever it changes. */
#include "server/accounts_file.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "net/file_watch.h"
#include "net/job.h"

/* One reading of the file. Belongs to its job, which may outlive the accounts file. */
struct reading {
  char *path; /* owned */
  struct p2p_accounts *accounts;
  struct p2p_err err;
  int code;
};

struct p2p_accounts_file {
  struct p2p_loop *loop;
  struct p2p_file_watch *watch;
  struct p2p_job *job; /* of the reading that is under way; NULL: none */
  bool is_outdated;    /* the file has changed since the reading began */
  char *path;          /* owned */
  struct p2p_accounts_file_callbacks callbacks;
  void *arg;
};

static void free_reading(void *data) {
  struct reading *reading = data;
  if (reading == NULL) return;
  p2p_accounts_free(reading->accounts);
  free(reading->path);
  free(reading);
}

/* on another thread */
static void read_file(void *data) {
  struct reading *reading = data;
  reading->code = p2p_accounts_read(reading->path, &reading->accounts, &reading->err);
}

static void start_reading(struct p2p_accounts_file *file);

static void on_read_file(void *arg, void *data) {
  struct p2p_accounts_file *file = arg;
  struct reading *reading = data;
  file->job = NULL;
  if (reading->code == P2P_OK)
    file->callbacks.on_read(file->arg, reading->accounts);
  else
    file->callbacks.on_error(file->arg, &reading->err);
  reading->accounts = NULL; /* of on_read now */
  free_reading(reading);
  if (file->is_outdated) start_reading(file);
}

static void start_reading(struct p2p_accounts_file *file) {
  struct p2p_err err;
  struct reading *reading = calloc(1, sizeof *reading);
  file->is_outdated = false;
  if (reading != NULL) reading->path = strdup(file->path);
  const struct p2p_job_config config = {.may_block = true, /* the file may be on a network */
                                        .work = read_file,
                                        .done = on_read_file,
                                        .release = free_reading,
                                        .data = reading,
                                        .arg = file};
  int code = reading == NULL || reading->path == NULL
                 ? P2P_ERR_MEMORY
                 : p2p_job_start(file->loop, &config, &file->job);
  if (code == P2P_OK) return;
  free_reading(reading);
  p2p_job_explain(code, &err);
  p2p_err_prefix(&err, "cannot read the users file '%s'", file->path);
  file->callbacks.on_error(file->arg, &err);
}

static void on_change(void *arg) {
  struct p2p_accounts_file *file = arg;
  if (file->job != NULL)
    file->is_outdated = true;
  else
    start_reading(file);
}

int p2p_accounts_file_new(struct p2p_loop *loop, const char *path,
                          const struct p2p_accounts_file_callbacks *callbacks, void *arg,
                          struct p2p_accounts_file **out, struct p2p_err *err) {
  struct p2p_accounts_file *file = calloc(1, sizeof *file);
  if (file == NULL) return p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
  file->loop = loop;
  file->callbacks = *callbacks;
  file->arg = arg;
  file->path = strdup(path);
  int code = file->path == NULL ? p2p_err_set(err, P2P_ERR_MEMORY, "out of memory") : P2P_OK;
  if (code == P2P_OK) code = p2p_file_watch_new(loop, path, on_change, file, &file->watch, err);
  if (code != P2P_OK) {
    p2p_accounts_file_free(file);
    return code;
  }
  start_reading(file);
  *out = file;
  return P2P_OK;
}

void p2p_accounts_file_free(struct p2p_accounts_file *file) {
  if (file == NULL) return;
  p2p_job_cancel(file->job);
  p2p_file_watch_free(file->watch);
  free(file->path);
  free(file);
}
