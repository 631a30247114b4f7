/* A WebSocket that comes back. The first failure of all is told at once: then the url is wrong,
 * rather than the server ill. */
#include "wormhole/mailbox_connection.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/backoff.h"
#include "base/clock.h"
#include "crypto/random.h"
#include "net/ws.h"

#define RETRY_TIMEOUT_MS 15000 /* of one attempt */
#define CALM_MS                                                                                  \
  60000 /* a connection that stood for so long was a good one: the next pause is the first again \
         */

struct p2p_mailbox_connection {
  struct p2p_loop *loop;
  struct p2p_mailbox_connection_callbacks callbacks;
  void *arg;
  char url[512];
  struct p2p_ws *ws; /* NULL: in a pause */
  struct p2p_timer *pause;
  unsigned failures;  /* since the last long connection */
  bool was_served;    /* a text came, once */
  bool is_served;     /* a text came on this connection */
  uint64_t served_ms; /* when the first one came */
  struct p2p_err trouble;
};

static void start_pause(struct p2p_mailbox_connection *line) {
  static const struct p2p_backoff backoff = {.first_ms = P2P_MAILBOX_CONNECTION_PAUSE_MS,
                                             .max_ms = P2P_MAILBOX_CONNECTION_PAUSE_MAX_MS};

  p2p_timer_start(line->pause,
                  p2p_backoff_pause_ms(&backoff, line->failures++, p2p_random_below(UINT32_MAX)),
                  0);
}

static void on_ws_open(void *arg) { (void)arg; /* the server speaks first */ }

static void on_ws_text(void *arg, const char *text, size_t length) {
  struct p2p_mailbox_connection *line = arg;

  if (!line->is_served) line->served_ms = p2p_clock_ms();
  line->was_served = line->is_served = true;
  line->callbacks.on_text(line->arg, text, length);
}

static void on_ws_close(void *arg, const struct p2p_err *err) {
  struct p2p_mailbox_connection *line = arg;
  bool was_served = line->is_served;

  line->trouble = *err;
  if (err->code == P2P_ERR_CLOSED)
    p2p_err_set(&line->trouble, P2P_ERR_NETWORK, "The mailbox %s closed the connection", line->url);
  p2p_ws_free(line->ws);
  line->ws = NULL;
  line->is_served = false;
  if (!line->was_served) {
    line->callbacks.on_fail(line->arg, &line->trouble);
    return;
  }
  if (was_served && p2p_clock_ms() - line->served_ms > CALM_MS) line->failures = 0;
  start_pause(line);
  if (was_served) line->callbacks.on_lost(line->arg);
}

static int connect_now(struct p2p_mailbox_connection *line, uint32_t timeout_ms,
                       struct p2p_err *err) {
  static const struct p2p_ws_callbacks EVENTS = {on_ws_open, on_ws_text, on_ws_close};

  return p2p_ws_connect(line->loop, line->url, timeout_ms, p2p_random_bytes, &EVENTS, line,
                        &line->ws, err);
}

static void connect_again(void *arg) {
  struct p2p_mailbox_connection *line = arg;

  if (connect_now(line, RETRY_TIMEOUT_MS, &line->trouble) != P2P_OK) start_pause(line);
}

int p2p_mailbox_connection_new(struct p2p_loop *loop, const char *url, uint32_t timeout_ms,
                               const struct p2p_mailbox_connection_callbacks *callbacks, void *arg,
                               struct p2p_mailbox_connection **out, struct p2p_err *err) {
  struct p2p_mailbox_connection *line = calloc(1, sizeof *line);

  if (line == NULL) return p2p_err_set(err, P2P_ERR_MEMORY, "Out of memory");
  line->loop = loop;
  line->callbacks = *callbacks;
  line->arg = arg;
  snprintf(line->url, sizeof line->url, "%s", url);
  line->pause = p2p_timer_new(loop, connect_again, line);
  int code = line->pause != NULL ? connect_now(line, timeout_ms, err)
                                 : p2p_err_set(err, P2P_ERR_MEMORY, "Out of memory");
  if (code != P2P_OK)
    p2p_mailbox_connection_free(line);
  else
    *out = line;
  return code;
}

void p2p_mailbox_connection_send(struct p2p_mailbox_connection *line, const char *text,
                                 size_t length) {
  if (line->ws != NULL) /* one that takes nothing more says so itself, as on_close */
    (void)p2p_ws_send(line->ws, text, length);
}

const char *p2p_mailbox_connection_trouble(const struct p2p_mailbox_connection *line) {
  return line->was_served && !line->is_served ? line->trouble.message : NULL;
}

void p2p_mailbox_connection_free(struct p2p_mailbox_connection *line) {
  if (line == NULL) return;
  p2p_timer_free(line->pause);
  p2p_ws_free(line->ws);
  free(line);
}
