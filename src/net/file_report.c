/* Tells another thread that a file has changed. */
#include "net/file_report.h"

#include <stdlib.h>

#include "net/file_watch.h"

struct file_report {
  struct p2p_loop *loop;
  struct p2p_file_watch *watch;
  struct p2p_log_queue *log; /* a reference */
};

/* ---- on the io thread ---- */

static void on_change(void *arg) {
  struct file_report *report = arg;
  p2p_log_write(report->log, P2P_LOG_DEBUG, "a file has changed");
}

static int start(void *state, const void *path, struct p2p_err *err) {
  struct file_report *report = state;
  return p2p_file_watch_new(report->loop, path, on_change, report, &report->watch, err);
}

static void stop(void *state) {
  struct file_report *report = state;
  p2p_file_watch_free(report->watch);
}

/* ---- on any other thread ---- */

static void destroy(void *state) {
  struct file_report *report = state;
  p2p_log_queue_unref(report->log);
  free(report);
}

int p2p_file_report_start(struct p2p_loop *loop, const char *path, struct p2p_log_queue *log,
                          struct p2p_service **out, struct p2p_err *err) {
  static const struct p2p_service_type type = {start, stop, destroy};
  struct file_report *report = calloc(1, sizeof *report);
  if (report == NULL) return p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
  report->loop = loop;
  report->log = p2p_log_queue_ref(log);
  return p2p_service_start(loop, &type, report, path, out, err);
}
