/* Disk operations of a transfer, other than reading and writing. */
#include "transfer/local_file.h"

#include <stdio.h>
#include <string.h>

#include "net/job.h"
#include "transfer/file_name.h"

void p2p_local_file_init(struct p2p_local_file *file, struct p2p_loop *loop,
                         const struct p2p_input_file *input, const char *path, bool is_directory) {
  memset(file, 0, sizeof *file);
  file->loop = loop;
  file->input = input != NULL ? *input : (struct p2p_input_file){.fd = -1};
  file->output.fd = -1;
  snprintf(file->path, sizeof file->path, "%s", path != NULL ? path : "");
  file->is_directory = is_directory;
}

/* ---- on a thread of the pool ---- */

static void create(void *data) {
  struct p2p_local_file *file = data;

  file->err.code = P2P_OK;
  (void)!p2p_output_file_open(&file->output, file->path, file->is_directory, &file->err);
}

static void close_files(void *arg) {
  struct p2p_local_file *file = arg;

  p2p_input_file_close(&file->input);
  p2p_output_file_drop(&file->output);
}

/* ---- on the io thread ---- */

/* Never canceled, so that `release` is not needed. */
static int start_job(struct p2p_local_file *file, void (*work)(void *data),
                     void (*done)(void *arg, void *data)) {
  const struct p2p_job_config config = {
      .may_block = true, .work = work, .done = done, .data = file};
  return p2p_job_start(file->loop, &config, &file->job);
}

static void on_files_closed(void *arg, void *data) {
  struct p2p_local_file *file = data;

  (void)arg;
  file->job = NULL;
  file->on_closed(file->arg);
}

static void start_close(struct p2p_local_file *file) {
  bool is_open = file->input.fd >= 0 || file->output.fd >= 0;

  if (is_open && start_job(file, close_files, on_files_closed) == P2P_OK) return;
  /* Without a job, wait for the disk rather than leave a file behind. */
  close_files(file);
  file->on_closed(file->arg);
}

static void on_output_created(void *arg, void *data) {
  struct p2p_local_file *file = data;

  (void)arg;
  file->job = NULL;
  if (file->is_closing)
    start_close(file);
  else
    file->on_created(file->arg, file->err.code == P2P_OK ? NULL : &file->err);
}

static int append_name(struct p2p_local_file *file, const char *sent, struct p2p_err *err) {
  char name[P2P_FILE_NAME_MAX];
  size_t length = strlen(file->path), left = sizeof file->path - length;
  const char *slash = length > 0 && file->path[length - 1] == '/' ? "" : "/";

  p2p_file_name_clean(sent, name);
  if ((size_t)snprintf(file->path + length, left, "%s%s", slash, name) < left) return P2P_OK;
  return p2p_err_set(err, P2P_ERR_TOO_LARGE, "the path of the directory is too long");
}

int p2p_local_file_create(struct p2p_local_file *file, const char *name,
                          void (*on_created)(void *arg, const struct p2p_err *err), void *arg,
                          struct p2p_err *err) {
  if (file->path[0] == '\0')
    return p2p_err_because(
        err, "file_offered",
        p2p_err_set(err, P2P_ERR_INVALID, "the sender offers a file, and not a text"));
  file->on_created = on_created;
  file->arg = arg;
  int code = file->is_directory ? append_name(file, name, err) : P2P_OK;
  if (code != P2P_OK) return code;
  code = start_job(file, create, on_output_created);
  return code == P2P_OK ? P2P_OK : p2p_job_explain(code, err);
}

void p2p_local_file_close(struct p2p_local_file *file, void (*on_closed)(void *arg), void *arg) {
  file->on_closed = on_closed;
  file->arg = arg;
  file->is_closing = true;
  if (file->job == NULL) start_close(file);
}
