/* Log lines for users: written on any thread, read and printed by R's main thread. The queue is
 * bounded: the oldest lines are dropped and counted. Lines must not contain secrets. */
#ifndef P2P_BASE_LOG_QUEUE_H
#define P2P_BASE_LOG_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum p2p_log_level {
  P2P_LOG_DEBUG,  /* for developers */
  P2P_LOG_INFO,   /* progress: joined, which future, how long */
  P2P_LOG_NOTICE, /* happens seldom and matters: clients show it, and all above */
  P2P_LOG_WARN,   /* a problem; the program continues */
  P2P_LOG_FATAL   /* the program has ended with this error */
};

#define P2P_LOG_TEXT_MAX 1408

struct p2p_log_line {
  enum p2p_log_level level;
  int code;           /* P2P_ERR_* with WARN and FATAL, else 0 */
  const char *reason; /* of that error, as in struct p2p_err; may be NULL */
  const char *event;  /* a word for programs that read the log, such as "joined"; may be NULL */
  char text[P2P_LOG_TEXT_MAX];
};

struct p2p_log_queue; /* opaque */

/* A queue of at most max_lines lines, with one reference. NULL with errno set. */
struct p2p_log_queue *p2p_log_queue_new(size_t max_lines);
/* Any thread. Adds a reference; returns `log`. */
struct p2p_log_queue *p2p_log_queue_ref(struct p2p_log_queue *log);
/* Any thread. Drops a reference; the last one frees the queue and its lines. Takes NULL. */
void p2p_log_queue_unref(struct p2p_log_queue *log);

/* Any thread. Blocks only for the lock. A line that is too long is cut. */
void p2p_log_write(struct p2p_log_queue *log, enum p2p_log_level level, const char *format, ...)
    P2P_PRINTF(3, 4);
/* The same with a word for what has happened, a literal. */
void p2p_log_event(struct p2p_log_queue *log, enum p2p_log_level level, const char *event,
                   const char *format, ...) P2P_PRINTF(4, 5);
void p2p_log_error(struct p2p_log_queue *log, enum p2p_log_level level, const struct p2p_err *err);

/* A descriptor that is readable if lines were written since p2p_log_queue_next found none; only for
 * poll(). */
int p2p_log_queue_fd(const struct p2p_log_queue *log);
/* Removes the next line, waiting up to timeout_ms for one. False: there is none. */
bool p2p_log_queue_next(struct p2p_log_queue *log, int timeout_ms, struct p2p_log_line *out);

#endif
