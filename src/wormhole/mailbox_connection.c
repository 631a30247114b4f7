/* A WebSocket that reconnects. A failure of the first attempt is reported at once, since it
 * probably means a wrong url. */
#include "wormhole/mailbox_connection.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/backoff.h"
#include "base/clock.h"
#include "crypto/random.h"
#include "net/timer.h"
#include "net/ws.h"

#define RETRY_TIMEOUT_MS 15000 /* of one attempt */
#define STABLE_MS 60000        /* a connection that lasted as long resets the pause */

struct p2p_mailbox_connection {
  struct p2p_loop *loop;
  struct p2p_mailbox_connection_callbacks callbacks;
  void *arg;
  char url[512];
  struct p2p_ws *ws; /* NULL: in a pause */
  struct p2p_timer *pause;
  unsigned failures;  /* in a row, since the last stable connection */
  bool was_served;    /* a text has arrived at least once */
  bool is_served;     /* a text has arrived on this connection */
  uint64_t served_ms; /* when the first one arrived on this connection */
  struct p2p_err trouble;
};

static void start_pause(struct p2p_mailbox_connection *connection) {
  static const struct p2p_backoff backoff = {.first_ms = P2P_MAILBOX_CONNECTION_PAUSE_MS,
                                             .max_ms = P2P_MAILBOX_CONNECTION_PAUSE_MAX_MS};

  p2p_timer_start(
      connection->pause,
      p2p_backoff_pause_ms(&backoff, connection->failures++, p2p_random_below(UINT32_MAX)), 0);
}

static void on_ws_open(void *arg) { (void)arg; /* the server sends the first message */ }

static void on_ws_text(void *arg, const char *text, size_t length) {
  struct p2p_mailbox_connection *connection = arg;

  if (!connection->is_served) connection->served_ms = p2p_clock_ms();
  connection->was_served = connection->is_served = true;
  connection->callbacks.on_text(connection->arg, text, length);
}

static void on_ws_close(void *arg, const struct p2p_err *err) {
  struct p2p_mailbox_connection *connection = arg;
  bool was_served = connection->is_served;

  connection->trouble = *err;
  if (err->code == P2P_ERR_CLOSED)
    p2p_err_set(&connection->trouble, P2P_ERR_NETWORK, "mailbox %s closed the connection",
                connection->url);
  p2p_ws_free(connection->ws);
  connection->ws = NULL;
  connection->is_served = false;
  if (!connection->was_served) {
    if (connection->trouble.reason == NULL) connection->trouble.reason = "mailbox_unreachable";
    connection->callbacks.on_fail(connection->arg, &connection->trouble);
    return;
  }
  if (was_served && p2p_clock_ms() - connection->served_ms > STABLE_MS) connection->failures = 0;
  start_pause(connection);
  if (was_served) connection->callbacks.on_lost(connection->arg);
}

static int connect_now(struct p2p_mailbox_connection *connection, uint32_t timeout_ms,
                       struct p2p_err *err) {
  static const struct p2p_ws_callbacks EVENTS = {on_ws_open, on_ws_text, on_ws_close};

  return p2p_ws_connect(&(struct p2p_ws_request){connection->loop, connection->url, timeout_ms},
                        &EVENTS, connection, &connection->ws, err);
}

static void connect_again(void *arg) {
  struct p2p_mailbox_connection *connection = arg;

  if (connect_now(connection, RETRY_TIMEOUT_MS, &connection->trouble) != P2P_OK)
    start_pause(connection);
}

int p2p_mailbox_connection_new(const struct p2p_mailbox_connection_config *config,
                               const struct p2p_mailbox_connection_callbacks *callbacks, void *arg,
                               struct p2p_mailbox_connection **out, struct p2p_err *err) {
  struct p2p_mailbox_connection *connection = calloc(1, sizeof *connection);

  if (connection == NULL) return p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
  connection->loop = config->loop;
  connection->callbacks = *callbacks;
  connection->arg = arg;
  snprintf(connection->url, sizeof connection->url, "%s", config->url);
  connection->pause = p2p_timer_new(config->loop, connect_again, connection);
  int code = connection->pause != NULL ? connect_now(connection, config->timeout_ms, err)
                                       : p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
  if (code != P2P_OK)
    p2p_mailbox_connection_free(connection);
  else
    *out = connection;
  return code;
}

void p2p_mailbox_connection_send(struct p2p_mailbox_connection *connection, const char *text,
                                 size_t length) {
  /* A failure is reported by on_close. */
  if (connection->ws != NULL) (void)p2p_ws_send(connection->ws, text, length);
}

const char *p2p_mailbox_connection_trouble(const struct p2p_mailbox_connection *connection) {
  return connection->was_served && !connection->is_served ? connection->trouble.message : NULL;
}

void p2p_mailbox_connection_free(struct p2p_mailbox_connection *connection) {
  if (connection == NULL) return;
  p2p_timer_free(connection->pause);
  p2p_ws_free(connection->ws);
  free(connection);
}
