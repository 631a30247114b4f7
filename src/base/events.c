/* The queue of lines for people: said on any thread, read on R's main thread, who is told by a bell. */
#include "base/events.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bell.h"
#include "base/clock.h"
#include "base/text.h"

struct line {
  struct line *next;
  enum p2p_level level;
  int code;
  char text[]; /* owned, with a NUL */
};

struct p2p_events {
  pthread_mutex_t lock;
  struct p2p_bell bell;
  struct line *first, *last; /* locked, as all that follows */
  size_t n_lines, most;
  unsigned long n_dropped; /* since the last event was taken */
};

struct p2p_events *p2p_events_new(size_t most) {
  struct p2p_events *events = calloc(1, sizeof *events);
  if (events == NULL) return NULL;
  events->most = most;
  if (p2p_bell_init(&events->bell) != P2P_OK) goto fail;
  if (pthread_mutex_init(&events->lock, NULL) != 0) goto fail_bell;
  return events;
fail_bell:
  p2p_bell_destroy(&events->bell);
fail:
  free(events);
  return NULL;
}

static struct line *take_locked(struct p2p_events *events) {
  struct line *line = events->first;
  if (line == NULL) return NULL;
  events->first = line->next;
  if (events->first == NULL) events->last = NULL;
  events->n_lines--;
  return line;
}

void p2p_events_free(struct p2p_events *events) {
  if (events == NULL) return;
  for (struct line *line; (line = take_locked(events)) != NULL;) free(line);
  p2p_bell_destroy(&events->bell);
  pthread_mutex_destroy(&events->lock);
  free(events);
}

static void say(struct p2p_events *events, enum p2p_level level, int code, const char *text) {
  size_t size = strlen(text) + 1;
  struct line *line = malloc(sizeof *line + size);
  if (line != NULL) {
    *line = (struct line){ .level = level, .code = code };
    memcpy(line->text, text, size);
  }
  struct line *oldest = NULL;
  pthread_mutex_lock(&events->lock);
  if (line == NULL) {
    events->n_dropped++;
  } else {
    if (events->last == NULL) events->first = line;
    else events->last->next = line;
    events->last = line;
    if (++events->n_lines > events->most) {
      oldest = take_locked(events);
      events->n_dropped++;
    }
  }
  pthread_mutex_unlock(&events->lock);
  p2p_bell_ring(&events->bell);
  free(oldest);
}

void p2p_events_say(struct p2p_events *events, enum p2p_level level, const char *format, ...) {
  char text[P2P_EVENT_TEXT_MAX];
  va_list args;
  va_start(args, format);
  p2p_text_format(text, sizeof text, format, args);
  va_end(args);
  say(events, level, 0, text);
}

void p2p_events_fail(struct p2p_events *events, enum p2p_level level, const struct p2p_err *err) {
  say(events, level, err->code, err->message);
}

int p2p_events_fd(const struct p2p_events *events) { return p2p_bell_fd(&events->bell); }

/* The gap is told first, since it lies before the lines that are still there. */
static bool take(struct p2p_events *events, struct p2p_event *out) {
  pthread_mutex_lock(&events->lock);
  unsigned long dropped = events->n_dropped;
  events->n_dropped = 0;
  struct line *line = dropped > 0 ? NULL : take_locked(events);
  pthread_mutex_unlock(&events->lock);
  if (dropped > 0) {
    out->level = P2P_LEVEL_WARN;
    out->code = 0;
    snprintf(out->text, sizeof out->text, "%lu earlier lines were dropped, since nobody read them", dropped);
  } else if (line != NULL) {
    out->level = line->level;
    out->code = line->code;
    memcpy(out->text, line->text, strlen(line->text) + 1);
    free(line);
  }
  return dropped > 0 || line != NULL;
}

bool p2p_events_next(struct p2p_events *events, int timeout_ms, struct p2p_event *out) {
  uint64_t until_ms = p2p_clock_ms() + (timeout_ms > 0 ? (uint64_t)timeout_ms : 0), seen = p2p_bell_look(&events->bell);
  while (!take(events, out)) {
    uint64_t now_ms = p2p_clock_ms();
    if (now_ms >= until_ms) return false;
    seen = p2p_bell_wait(&events->bell, seen, (int)(until_ms - now_ms));
  }
  return true;
}
