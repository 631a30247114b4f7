/* The log queue: written on any thread, read on R's main thread, which a notifier wakes. */
#include "base/log_queue.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/notifier.h"
#include "base/sanitize.h"

struct line {
  struct line *next;
  enum p2p_log_level level;
  int code;
  const char *reason, *event;
  char text[]; /* owned, with a NUL */
};

struct p2p_log_queue {
  atomic_uint references;
  pthread_mutex_t lock;
  struct p2p_notifier notifier;
  struct line *first, *last; /* under the lock, like all that follows */
  size_t n_lines, max_lines;
  unsigned long n_dropped; /* since the last line was read */
};

struct p2p_log_queue *p2p_log_queue_new(size_t max_lines) {
  struct p2p_log_queue *log = calloc(1, sizeof *log);
  int failure;
  if (log == NULL) return NULL;
  atomic_init(&log->references, 1);
  log->max_lines = max_lines;
  if (p2p_notifier_init(&log->notifier, NULL) != P2P_OK) goto fail;
  failure = pthread_mutex_init(&log->lock, NULL);
  if (failure == 0) return log;
  p2p_notifier_destroy(&log->notifier);
  errno = failure;
fail:
  failure = errno;
  free(log);
  errno = failure;
  return NULL;
}

static struct line *take_locked(struct p2p_log_queue *log) {
  struct line *line = log->first;
  if (line == NULL) return NULL;
  log->first = line->next;
  if (log->first == NULL) log->last = NULL;
  log->n_lines--;
  return line;
}

struct p2p_log_queue *p2p_log_queue_ref(struct p2p_log_queue *log) {
  atomic_fetch_add(&log->references, 1);
  return log;
}

void p2p_log_queue_unref(struct p2p_log_queue *log) {
  if (log == NULL || atomic_fetch_sub(&log->references, 1) > 1) return;
  for (struct line *line; (line = take_locked(log)) != NULL;) free(line);
  p2p_notifier_destroy(&log->notifier);
  pthread_mutex_destroy(&log->lock);
  free(log);
}

static void append(struct p2p_log_queue *log, const struct line *head, const char *text) {
  size_t size = strlen(text) + 1;
  struct line *line = malloc(sizeof *line + size);
  if (line != NULL) {
    *line = *head;
    memcpy(line->text, text, size);
  }
  struct line *oldest = NULL;
  pthread_mutex_lock(&log->lock);
  if (line == NULL) {
    log->n_dropped++;
  } else {
    if (log->last == NULL)
      log->first = line;
    else
      log->last->next = line;
    log->last = line;
    if (++log->n_lines > log->max_lines) {
      oldest = take_locked(log);
      log->n_dropped++;
    }
  }
  pthread_mutex_unlock(&log->lock);
  p2p_notifier_notify(&log->notifier);
  free(oldest);
}

static void write_line(struct p2p_log_queue *log, enum p2p_log_level level, const char *event,
                       const char *format, va_list args) {
  char text[P2P_LOG_TEXT_MAX];
  p2p_vformat(text, sizeof text, format, args);
  append(log, &(struct line){.level = level, .event = event}, text);
}

void p2p_log_write(struct p2p_log_queue *log, enum p2p_log_level level, const char *format, ...) {
  va_list args;
  va_start(args, format);
  write_line(log, level, NULL, format, args);
  va_end(args);
}

void p2p_log_event(struct p2p_log_queue *log, enum p2p_log_level level, const char *event,
                   const char *format, ...) {
  va_list args;
  va_start(args, format);
  write_line(log, level, event, format, args);
  va_end(args);
}

void p2p_log_error(struct p2p_log_queue *log, enum p2p_log_level level, const struct p2p_err *err) {
  append(log, &(struct line){.level = level, .code = err->code, .reason = err->reason},
         err->message);
}

int p2p_log_queue_fd(const struct p2p_log_queue *log) { return p2p_notifier_fd(&log->notifier); }

/* Dropped lines come first: they were written before those that are left. */
static bool read_line(struct p2p_log_queue *log, struct p2p_log_line *out) {
  pthread_mutex_lock(&log->lock);
  unsigned long dropped = log->n_dropped;
  log->n_dropped = 0;
  struct line *line = dropped > 0 ? NULL : take_locked(log);
  pthread_mutex_unlock(&log->lock);
  if (dropped > 0) {
    out->level = P2P_LOG_WARN;
    out->code = 0;
    out->reason = out->event = NULL;
    snprintf(out->text, sizeof out->text,
             "%lu earlier lines were dropped because they were not read in time", dropped);
  } else if (line != NULL) {
    out->level = line->level;
    out->code = line->code;
    out->reason = line->reason;
    out->event = line->event;
    memcpy(out->text, line->text, strlen(line->text) + 1);
    free(line);
  }
  return dropped > 0 || line != NULL;
}

bool p2p_log_queue_next(struct p2p_log_queue *log, int timeout_ms, struct p2p_log_line *out) {
  uint64_t until_ms = p2p_clock_ms() + (timeout_ms > 0 ? (uint64_t)timeout_ms : 0),
           seen = p2p_notifier_poll(&log->notifier);
  while (!read_line(log, out)) {
    uint64_t now_ms = p2p_clock_ms();
    if (now_ms >= until_ms) return false;
    seen = p2p_notifier_wait(&log->notifier, seen, (int)(until_ms - now_ms));
  }
  return true;
}
