/* The mailbox server: WebSocket connections, each a guest of one store. A message of one guest goes
 * out on the connections of others from within; so a connection that must end is only marked there,
 * and freed when the event is over. */
#include "server/mailbox_server.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "net/ws.h"
#include "server/client_address.h"
#include "server/mailbox_session.h"

#define TICK_MS 60000

struct connection {
  struct connection *next;
  struct p2p_mailbox_server *server;
  struct p2p_ws *ws;
  struct p2p_mailbox_session *session; /* NULL until the upgrade is done */
  char client_address[P2P_CLIENT_ADDRESS_MAX];
  uint64_t heard_ms;
  bool is_doomed;
};

struct p2p_mailbox_server {
  struct p2p_loop *loop;
  struct p2p_log_queue *log;
  struct p2p_listener *listener;
  struct p2p_timer *tick;
  bool is_ticking; /* while there is something to look after */
  struct p2p_mailbox_store *store;
  struct connection *connections;
  size_t n_connections;
};

static void free_connection(struct connection *connection) {
  p2p_mailbox_session_free(connection->session, p2p_clock_ms());
  p2p_ws_free(connection->ws);
  free(connection);
}

static void free_doomed(struct p2p_mailbox_server *server) {
  for (struct connection **at = &server->connections; *at != NULL;) {
    struct connection *connection = *at;
    if (!connection->is_doomed) {
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
  if (connection->is_doomed) return;
  if (p2p_ws_send(connection->ws, json, length) != P2P_OK ||
      p2p_ws_queued(connection->ws) > P2P_MAILBOX_QUEUE_MAX)
    connection->is_doomed = true;
}

static void on_open(void *arg) {
  struct connection *connection = arg;
  connection->session = p2p_mailbox_session_new(connection->server->store,
                                                connection->client_address, send_text, connection);
  if (connection->session == NULL) connection->is_doomed = true;
  free_doomed(connection->server);
}

static void on_text(void *arg, const char *text, size_t length) {
  struct connection *connection = arg;
  connection->heard_ms = p2p_clock_ms();
  p2p_mailbox_session_receive(connection->session, text, length, connection->heard_ms);
  free_doomed(connection->server);
}

static void on_close(void *arg, const struct p2p_err *err) {
  struct connection *connection = arg;
  (void)err;
  connection->is_doomed = true;
  free_doomed(connection->server);
}

static const char *why_not_in(const struct p2p_mailbox_server *server, const char *client_address) {
  size_t n_here = 0;
  for (const struct connection *other = server->connections; other != NULL; other = other->next)
    n_here += strcmp(other->client_address, client_address) == 0;
  if (server->n_connections >= P2P_MAILBOX_CONNECTIONS_MAX) return "too many are open";
  return n_here >= P2P_MAILBOX_CONNECTIONS_OF_ORIGIN_MAX ? "too many are open from there" : NULL;
}

static void on_accept(void *arg, struct p2p_tcp *tcp) {
  static const struct p2p_ws_callbacks callbacks = {
      .on_open = on_open, .on_text = on_text, .on_close = on_close};
  struct p2p_mailbox_server *server = arg;
  struct p2p_err err;
  char peer[64] = "?:0", client_address[P2P_CLIENT_ADDRESS_MAX];
  (void)p2p_tcp_peer_name(tcp, peer, sizeof peer);
  p2p_client_address_of(peer, client_address);
  const char *why = why_not_in(server, client_address);
  struct connection *connection = why == NULL ? calloc(1, sizeof *connection) : NULL;
  if (connection == NULL) {
    p2p_log_write(server->log, P2P_LOG_WARN, "the mailbox server refused a connection from %s: %s",
                  peer, why == NULL ? "out of memory" : why);
    p2p_tcp_free(tcp);
    return;
  }
  memcpy(connection->client_address, client_address, sizeof client_address);
  connection->server = server;
  connection->heard_ms = p2p_clock_ms();
  if (p2p_ws_accept(server->loop, tcp, &callbacks, connection, &connection->ws, &err) != P2P_OK) {
    p2p_tcp_free(tcp);
    free(connection);
    return;
  }
  connection->next = server->connections;
  server->connections = connection;
  server->n_connections++;
  if (!server->is_ticking) p2p_timer_start(server->tick, TICK_MS, TICK_MS);
  server->is_ticking = true;
}

static void on_tick(void *arg) {
  struct p2p_mailbox_server *server = arg;
  uint64_t now_ms = p2p_clock_ms();
  for (struct connection *connection = server->connections; connection != NULL;
       connection = connection->next)
    if (now_ms - connection->heard_ms > P2P_MAILBOX_SILENT_MS) connection->is_doomed = true;
  free_doomed(server);
  p2p_mailbox_store_prune(server->store, now_ms);
  if (server->n_connections > 0 || p2p_mailbox_store_count(server->store) > 0) return;
  server->is_ticking = false;
  p2p_timer_stop(server->tick);
}

int p2p_mailbox_server_new(struct p2p_loop *loop, const char *address, uint16_t port,
                           struct p2p_log_queue *log, struct p2p_mailbox_server **out,
                           struct p2p_err *err) {
  struct p2p_mailbox_server *server = calloc(1, sizeof *server);
  int code = P2P_OK;
  if (server == NULL) return p2p_err_set(err, P2P_ERR_MEMORY, "Out of memory.");
  server->loop = loop;
  server->log = log;
  server->store = p2p_mailbox_store_new();
  server->tick = p2p_timer_new(loop, on_tick, server);
  if (server->store == NULL || server->tick == NULL)
    code = p2p_err_set(err, P2P_ERR_MEMORY, "Out of memory.");
  if (code == P2P_OK)
    code = p2p_listener_new(loop, address, port, on_accept, server, &server->listener, err);
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
  p2p_timer_free(server->tick);
  for (struct connection *connection = server->connections; connection != NULL;
       connection = connection->next)
    connection->is_doomed = true;
  free_doomed(server);
  p2p_mailbox_store_free(server->store);
  free(server);
}

uint16_t p2p_mailbox_server_port(const struct p2p_mailbox_server *server) {
  return p2p_listener_port(server->listener);
}
