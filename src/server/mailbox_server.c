/* The mailbox server: WebSocket connections, each with a session of one store. A message of one
 * session is sent on the connections of others from within; so a connection that must end is only
 * marked there, and freed when the event is over. */
#include "server/mailbox_server.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "net/listener.h"
#include "net/tcp.h"
#include "net/timer.h"
#include "net/ws.h"
#include "server/client_address.h"
#include "server/limits.h"
#include "server/mailbox_session.h"

#define CHECK_MS 60000 /* between two checks for connections and mailboxes that nobody uses */

struct connection {
  struct connection *next;
  struct p2p_mailbox_server *server;
  struct p2p_ws *ws;
  struct p2p_mailbox_session *session; /* NULL before the upgrade to WebSocket */
  char client_address[P2P_CLIENT_ADDRESS_MAX];
  uint64_t since_ms, received_ms;
  bool is_closing;
};

struct p2p_mailbox_server {
  struct p2p_loop *loop;
  struct p2p_log_queue *log;
  struct p2p_listener *listener;
  struct p2p_timer *check_timer;
  bool is_checking; /* while there are connections or mailboxes */
  struct p2p_mailbox_store *store;
  struct connection *connections; /* the latest one first */
  size_t n_connections;
};

static void free_connection(struct connection *connection) {
  p2p_mailbox_session_free(connection->session, p2p_clock_ms());
  p2p_ws_free(connection->ws);
  free(connection);
}

static void free_closing(struct p2p_mailbox_server *server) {
  for (struct connection **at = &server->connections; *at != NULL;) {
    struct connection *connection = *at;
    if (!connection->is_closing) {
      at = &connection->next;
      continue;
    }
    *at = connection->next;
    server->n_connections--;
    free_connection(connection);
  }
}

static void send_text(void *arg, const char *json, size_t length) {
  struct connection *connection = arg;
  if (connection->is_closing) return;
  if (json == NULL || p2p_ws_send(connection->ws, json, length) != P2P_OK ||
      p2p_ws_queued(connection->ws) > P2P_MAILBOX_QUEUE_MAX)
    connection->is_closing = true;
}

static void on_open(void *arg) {
  struct connection *connection = arg;
  connection->session = p2p_mailbox_session_new(connection->server->store,
                                                connection->client_address, send_text, connection);
  if (connection->session == NULL) connection->is_closing = true;
  free_closing(connection->server);
}

static void on_text(void *arg, const char *text, size_t length) {
  struct connection *connection = arg;
  connection->received_ms = p2p_clock_ms();
  p2p_mailbox_session_receive(connection->session, text, length, connection->received_ms);
  free_closing(connection->server);
}

static void on_close(void *arg, const struct p2p_err *err) {
  struct connection *connection = arg;
  (void)err;
  connection->is_closing = true;
  free_closing(connection->server);
}

/* Closes the oldest connection of this address; NULL: of all. False: it is too young. */
static bool close_oldest(struct p2p_mailbox_server *server, const char *client_address) {
  struct connection *oldest = NULL;
  for (struct connection *other = server->connections; other != NULL; other = other->next)
    if (client_address == NULL || strcmp(other->client_address, client_address) == 0)
      oldest = other;
  if (oldest == NULL || p2p_clock_ms() - oldest->since_ms < P2P_MAILBOX_CONNECTION_OLD_MS)
    return false;
  p2p_log_write(server->log, P2P_LOG_DEBUG, "mailbox closed the oldest connection of %s: too many",
                oldest->client_address);
  oldest->is_closing = true;
  free_closing(server);
  return true;
}

/* Makes room for a connection. Returns NULL, or the reason to refuse it. */
static const char *reason_to_refuse(struct p2p_mailbox_server *server, const char *client_address) {
  size_t n_of_address = 0;
  for (const struct connection *other = server->connections; other != NULL; other = other->next)
    n_of_address += strcmp(other->client_address, client_address) == 0;
  if (n_of_address >= P2P_MAILBOX_CONNECTIONS_PER_ADDRESS_MAX &&
      !close_oldest(server, client_address))
    return "too many connections from this address";
  return server->n_connections < P2P_MAILBOX_CONNECTIONS_MAX || close_oldest(server, NULL)
             ? NULL
             : "too many connections";
}

/* Takes over tcp only when it succeeds. */
static int add_connection(struct p2p_mailbox_server *server, struct p2p_tcp *tcp,
                          const char *client_address, struct p2p_err *err) {
  static const struct p2p_ws_callbacks callbacks = {
      .on_open = on_open, .on_text = on_text, .on_close = on_close};
  struct connection *connection = calloc(1, sizeof *connection);
  if (connection == NULL) return p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
  snprintf(connection->client_address, sizeof connection->client_address, "%s", client_address);
  connection->server = server;
  connection->since_ms = connection->received_ms = p2p_clock_ms();
  int code = p2p_ws_accept(server->loop, tcp, &callbacks, connection, &connection->ws, err);
  if (code != P2P_OK) {
    free(connection);
    return code;
  }
  connection->next = server->connections;
  server->connections = connection;
  server->n_connections++;
  if (!server->is_checking) p2p_timer_start(server->check_timer, CHECK_MS, CHECK_MS);
  server->is_checking = true;
  return P2P_OK;
}

static void on_accept(void *arg, struct p2p_tcp *tcp) {
  struct p2p_mailbox_server *server = arg;
  struct p2p_err err;
  char address[64] = "?:0", client_address[P2P_CLIENT_ADDRESS_MAX];
  (void)p2p_tcp_peer_name(tcp, address, sizeof address);
  p2p_client_address_of(address, client_address);
  const char *reason = reason_to_refuse(server, client_address);
  if (reason == NULL && add_connection(server, tcp, client_address, &err) != P2P_OK)
    reason = err.message;
  if (reason == NULL) return;
  p2p_log_write(server->log, P2P_LOG_WARN, "mailbox refused a connection from %s: %s", address,
                reason);
  p2p_tcp_free(tcp);
}

static void on_check_timer(void *arg) {
  struct p2p_mailbox_server *server = arg;
  uint64_t now_ms = p2p_clock_ms();
  for (struct connection *connection = server->connections; connection != NULL;
       connection = connection->next)
    if (now_ms - connection->received_ms > P2P_MAILBOX_SILENCE_MS) connection->is_closing = true;
  free_closing(server);
  p2p_mailbox_store_prune(server->store, now_ms);
  if (server->n_connections > 0 || p2p_mailbox_store_count(server->store) > 0) return;
  server->is_checking = false;
  p2p_timer_stop(server->check_timer);
}

int p2p_mailbox_server_new(struct p2p_loop *loop, const char *address, uint16_t port,
                           struct p2p_log_queue *log, struct p2p_mailbox_server **out,
                           struct p2p_err *err) {
  struct p2p_mailbox_server *server = calloc(1, sizeof *server);
  int code = P2P_OK;
  if (server == NULL) return p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
  server->loop = loop;
  server->log = log;
  server->store = p2p_mailbox_store_new();
  server->check_timer = p2p_timer_new(loop, on_check_timer, server);
  if (server->store == NULL || server->check_timer == NULL)
    code = p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
  if (code == P2P_OK)
    code = p2p_listener_new(&(struct p2p_listener_config){loop, address, port, on_accept, server},
                            &server->listener, err);
  if (code != P2P_OK) {
    p2p_mailbox_server_free(server);
    return code;
  }
  *out = server;
  return P2P_OK;
}

void p2p_mailbox_server_free(struct p2p_mailbox_server *server) {
  if (server == NULL) return;
  p2p_listener_free(server->listener);
  p2p_timer_free(server->check_timer);
  for (struct connection *connection = server->connections; connection != NULL;
       connection = connection->next)
    connection->is_closing = true;
  free_closing(server);
  p2p_mailbox_store_free(server->store);
  free(server);
}

uint16_t p2p_mailbox_server_port(const struct p2p_mailbox_server *server) {
  return p2p_listener_port(server->listener);
}
