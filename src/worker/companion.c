/* A program beside a worker: a service with one child process. */
#include "worker/companion.h"

#include <stdlib.h>
#include <string.h>

#include "base/sanitize.h"
#include "net/service.h"
#include "proc/pipe_process.h"

struct p2p_companion {
  struct p2p_service *service;
  struct p2p_log_queue *log;
  const char *name;
  struct p2p_pipe_process *process; /* NULL: has ended */
  char line[P2P_COMPANION_LINE_MAX];
  size_t length;
  bool has_line, is_taken;
};

/* ---- on the io thread ---- */

static void on_output(void *arg, const char *bytes, size_t length) {
  struct p2p_companion *companion = arg;
  if (companion->has_line) return;
  const char *end = memchr(bytes, '\n', length);
  size_t more = end == NULL ? length : (size_t)(end - bytes);
  size_t room = sizeof companion->line - 1 - companion->length;
  if (more > room) more = room;
  memcpy(companion->line + companion->length, bytes, more);
  companion->length += more;
  if (end == NULL) return;
  companion->has_line = true;
  p2p_sanitize(companion->line, companion->length, companion->line, sizeof companion->line);
  p2p_log_event(companion->log, P2P_LOG_INFO, companion->name,
                "the %s is ready: its address is on standard output", companion->name);
}

/* Its last line. */
static void warn(const struct p2p_companion *companion, const char *errors) {
  char why[P2P_QUOTE_MAX];
  size_t end = strlen(errors), begin;
  while (end > 0 && errors[end - 1] == '\n') end--;
  for (begin = end; begin > 0 && errors[begin - 1] != '\n'; begin--) continue;
  p2p_sanitize(errors + begin, end - begin, why, sizeof why);
  p2p_log_write(companion->log, P2P_LOG_WARN, "the %s has ended%s%s; the worker goes on",
                companion->name, why[0] != '\0' ? ": " : "", why);
}

static void on_end(void *arg, int exit_status, const char *errors) {
  struct p2p_companion *companion = arg;
  (void)exit_status;
  warn(companion, errors);
  p2p_pipe_process_free(companion->process);
  companion->process = NULL;
}

static int start(void *state, const void *arg, struct p2p_err *err) {
  static const struct p2p_pipe_process_callbacks callbacks = {on_output, on_end};
  const struct p2p_companion_config *config = arg;
  struct p2p_companion *companion = state;
  int code = p2p_pipe_process_spawn(p2p_loop_uv(config->loop), config->argv, &callbacks, companion,
                                    &companion->process, err);
  if (code != P2P_OK) return code;
  code = p2p_pipe_process_write(companion->process, config->input, strlen(config->input));
  return code == P2P_OK ? P2P_OK : p2p_err_set(err, code, "the %s does not read", config->name);
}

static void stop(void *state) {
  struct p2p_companion *companion = state;
  p2p_pipe_process_free(companion->process);
  companion->process = NULL;
}

static void take(void *state, void *out) {
  struct p2p_companion *companion = state;
  if (!companion->has_line || companion->is_taken) return;
  companion->is_taken = true;
  memcpy(out, companion->line, sizeof companion->line);
}

/* ---- on any other thread ---- */

int p2p_companion_new(const struct p2p_companion_config *config, struct p2p_log_queue *log,
                      struct p2p_companion **out, struct p2p_err *err) {
  static const struct p2p_service_type type = {start, stop, free};
  struct p2p_service *service;
  struct p2p_companion *companion = calloc(1, sizeof *companion);
  if (companion == NULL) return p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
  companion->log = log;
  companion->name = config->name;
  int code = p2p_service_start(config->loop, &type, companion, config, &service, err);
  if (code == P2P_OK) (*out = companion)->service = service;
  return code;
}

bool p2p_companion_take(struct p2p_companion *companion, char out[P2P_COMPANION_LINE_MAX]) {
  out[0] = '\0';
  return p2p_service_call(companion->service, take, out, NULL) == P2P_OK && out[0] != '\0';
}

void p2p_companion_free(struct p2p_companion *companion) {
  if (companion != NULL) p2p_service_stop(companion->service);
}
