/* The door of a message board. What a client sends makes others have something to write: they are
 * put on a list, and settle() has it written when what all have sent in the meantime has been read.
 * So the lines of many that come at once go out together, in a few packets for each reader instead
 * of one a line; and what a line costs depends on how many it goes to, not on how many are there.
 */
#include "server/board_listener.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "net/tcp.h"
#include "server/board_connection.h"
#include "server/client_address.h"

#define FAST_MS 10 /* until we come back to who sends faster than it may */
#define UNSETTLED_MAX \
  32768 /* bytes that are read before what they bring is written: a packet's worth */
#define ROUNDS_AT_ONCE 8 /* before it is somebody else's turn on the loop */
#define NEXT_ROUND_MS 1

struct client {
  struct client *next, **link; /* of all; what points at this one */
  struct client *next_dirty;
  struct p2p_board_listener *listener;
  struct p2p_board_connection *connection;
  struct p2p_watch *watch;
  uint64_t came_ms, heard_ms, busy_ms; /* busy: when it last had a channel */
  uint64_t heard_bytes;                /* when we last looked */
  char client_address[P2P_CLIENT_ADDRESS_MAX];
  bool is_known;  /* it was open when we last looked */
  bool is_dirty;  /* on the list: there may be something to write */
  bool is_doomed; /* on the list, to be freed */
};

struct p2p_board_listener {
  struct p2p_board_server *board;
  struct p2p_board_identity *identity;
  struct p2p_listener *listener;
  struct p2p_timer *tick, *soon, *fast;
  bool is_fast_set; /* the timer runs: it is not put off by the next one who is too fast */
  struct client *clients;
  size_t n_clients;
  struct client *dirty, **dirty_end; /* in the order in which they came to be */
  size_t unsettled_bytes;
  bool is_settling;
};

/* --- serving --- */

static void mark_dirty(struct client *client) {
  struct p2p_board_listener *listener = client->listener;
  if (client->is_dirty) return;
  if (listener->dirty == NULL && !listener->is_settling)
    p2p_timer_start(listener->soon, 0, 0); /* when all that is ready has been read */
  client->is_dirty = true;
  client->next_dirty = NULL;
  *listener->dirty_end = client;
  listener->dirty_end = &client->next_dirty;
}

static void on_change(void *arg) {
  struct client *client = arg;
  if (!client->is_doomed)
    mark_dirty(client); /* else it may be on its way out: nobody may note it any more */
}

static void doom_silently(struct client *client) {
  mark_dirty(client);
  client->is_doomed = true;
}

/* After every stay in the connection. */
static void check_end(struct client *client) {
  if (!p2p_board_connection_has_ended(client->connection)) return;
  p2p_watch_free(client->watch);
  client->watch = NULL;
  doom_silently(client);
}

static void watch_for(struct client *client) {
  if (client->watch == NULL) return;
  bool is_fast = p2p_board_connection_is_fast(client->connection);
  if (is_fast && !client->listener->is_fast_set) {
    client->listener->is_fast_set = true;
    p2p_timer_start(client->listener->fast, FAST_MS, 0);
  }
  p2p_watch_set(client->watch, !is_fast,
                !is_fast && p2p_board_connection_has_unsent(client->connection));
}

static void free_client(struct client *client) {
  p2p_watch_free(client->watch);
  p2p_board_connection_free(client->connection);
  free(client);
}

static void send_away(struct client *client) {
  struct p2p_board_listener *listener = client->listener;
  *client->link = client->next;
  if (client->next != NULL) client->next->link = client->link;
  if (--listener->n_clients == 0) p2p_timer_stop(listener->tick);
  free_client(client);
}

/* Those who are on the list now. */
static void serve_dirty(struct p2p_board_listener *listener) {
  struct client *client = listener->dirty;
  listener->dirty = NULL;
  listener->dirty_end = &listener->dirty;
  while (client != NULL) {
    struct client *next = client->next_dirty;
    client->is_dirty = false;
    if (client->is_doomed) {
      send_away(client);
    } else {
      p2p_board_connection_write(client->connection);
      check_end(client);
      watch_for(client);
    }
    client = next;
  }
}

static void settle(struct p2p_board_listener *listener) {
  listener->is_settling = true;
  for (int round = 0; listener->dirty != NULL && round < ROUNDS_AT_ONCE; round++)
    serve_dirty(listener);
  listener->is_settling = false;
  listener->unsettled_bytes = 0;
  if (listener->dirty != NULL)
    p2p_timer_start(listener->soon, NEXT_ROUND_MS, 0);
  else
    p2p_timer_stop(listener->soon);
}

static void on_soon(void *arg) { settle(arg); }

static void doom(struct client *client, enum p2p_log_level level, const char *why) {
  const struct p2p_board_user *who = p2p_board_connection_visitor(client->connection);
  p2p_log_write(client->listener->board->log, level, "the connection%s%s from %s was closed: %s",
                who->user[0] == '\0' ? "" : " of ", who->user, who->address, why);
  p2p_board_connection_set_reason(client->connection, why);
  doom_silently(client);
}

static bool has_account(const struct client *client) {
  return strcmp(p2p_board_connection_visitor(client->connection)->user, "public") != 0;
}

/* Anybody can make keys: those without account leave half of the room to members. */
static const char *why_too_many(const struct client *client) {
  const struct p2p_board_limits *limits = &client->listener->board->limits;
  const char *key = p2p_board_connection_visitor(client->connection)->fingerprint;
  size_t n_of_key = 0, n_without_account = 0;
  for (const struct client *other = client->listener->clients; other != NULL; other = other->next) {
    if (!other->is_known) continue;
    n_of_key += strcmp(p2p_board_connection_visitor(other->connection)->fingerprint, key) == 0;
    n_without_account += !has_account(other);
  }
  if (n_of_key > limits->connections_of_key) return "too many connections are open with this key";
  bool is_crowded = !has_account(client) && n_without_account > (limits->connections + 1) / 2;
  return is_crowded ? "too many connections are open with keys that have no account here" : NULL;
}

static void check_open(struct client *client) {
  if (client->is_known || !p2p_board_connection_is_open(client->connection)) return;
  const struct p2p_board_user *who = p2p_board_connection_visitor(client->connection);
  client->is_known = true;
  p2p_log_write(client->listener->board->log, P2P_LOG_DEBUG, "%s (%s) has come from %s", who->user,
                who->fingerprint, who->address);
  const char *why = why_too_many(client);
  if (why != NULL) doom(client, P2P_LOG_WARN, why);
}

static void read_client(struct client *client) {
  uint64_t before = p2p_board_connection_heard_bytes(client->connection);
  p2p_board_connection_read(client->connection);
  client->listener->unsettled_bytes +=
      (size_t)(p2p_board_connection_heard_bytes(client->connection) - before);
  check_end(client);
  if (!client->is_doomed) check_open(client);
  mark_dirty(client);
}

static void on_ready(void *arg, bool readable, bool writable) {
  struct client *client = arg;
  (void)readable;
  (void)writable;
  if (!client->is_doomed) read_client(client);
  if (client->listener->unsettled_bytes >= UNSETTLED_MAX) settle(client->listener);
}

static void on_fast(void *arg) {
  struct p2p_board_listener *listener = arg;
  listener->is_fast_set = false;
  for (struct client *client = listener->clients; client != NULL; client = client->next)
    if (!client->is_doomed && p2p_board_connection_is_fast(client->connection)) read_client(client);
  settle(listener);
}

/* --- letting in --- */

static void start_tick(struct p2p_board_listener *listener) {
  p2p_timer_start(listener->tick, listener->board->limits.ping_ms, listener->board->limits.ping_ms);
}

static const char *why_not_in(const struct p2p_board_listener *listener,
                              const char *client_address) {
  size_t n_strangers = 0, n_here = 0;
  for (struct client *client = listener->clients; client != NULL; client = client->next) {
    if (p2p_board_connection_is_open(client->connection)) continue;
    n_strangers++;
    if (strcmp(client->client_address, client_address) == 0) n_here++;
  }
  if (listener->n_clients >= listener->board->limits.connections) return "too many are open";
  if (n_strangers >= P2P_BOARD_STRANGERS_MAX) return "too many have not said yet who they are";
  return n_here >= P2P_BOARD_STRANGERS_OF_ADDRESS_MAX
             ? "too many from there have not said yet who they are"
             : NULL;
}

/* Takes over fd. */
static struct client *new_client(struct p2p_board_listener *listener, int fd, const char *address) {
  struct client *client = calloc(1, sizeof *client);
  if (client == NULL) {
    close(fd);
    return NULL;
  }
  client->listener = listener;
  client->came_ms = client->heard_ms = client->busy_ms = p2p_clock_ms();
  client->connection =
      p2p_board_connection_new(listener->board, listener->identity, fd, address, on_change, client);
  if (client->connection != NULL)
    client->watch = p2p_watch_new(listener->board->loop, fd, on_ready, client);
  if (client->watch != NULL) return client;
  free_client(client);
  return NULL;
}

static void on_accept(void *arg, struct p2p_tcp *tcp) {
  struct p2p_board_listener *listener = arg;
  char address[64] = "?:0", client_address[P2P_CLIENT_ADDRESS_MAX];
  (void)p2p_tcp_peer_name(tcp, address, sizeof address);
  p2p_client_address_of(address, client_address);
  const char *why = why_not_in(listener, client_address);
  if (why != NULL) {
    p2p_log_write(listener->board->log, P2P_LOG_WARN, "a connection from %s was refused: %s",
                  address, why);
    p2p_tcp_free(tcp);
    return;
  }
  int fd = p2p_tcp_take_fd(tcp);
  struct client *client = fd < 0 ? NULL : new_client(listener, fd, address);
  if (client == NULL) {
    p2p_log_write(listener->board->log, P2P_LOG_WARN, "refused a connection from %s: %s", address,
                  fd < 0 ? "out of file descriptors" : "out of memory");
    if (fd < 0) p2p_tcp_free(tcp); /* still ours */
    return;
  }
  memcpy(client->client_address, client_address, sizeof client_address);
  client->next = listener->clients;
  client->link = &listener->clients;
  if (client->next != NULL) client->next->link = &client->next;
  listener->clients = client;
  if (listener->n_clients++ == 0) start_tick(listener); /* an empty house sleeps */
  on_ready(client, false, true);
}

/* --- sending away --- */

static const char *why_not_stay(const struct client *client, uint64_t now_ms) {
  const struct p2p_board_limits *limits = &client->listener->board->limits;
  if (!p2p_board_connection_is_open(client->connection))
    return now_ms - client->came_ms > limits->auth_ms ? "it did not authenticate in time" : NULL;
  if (now_ms - client->heard_ms > limits->silent_ms) return "it does not answer";
  return now_ms - client->busy_ms > P2P_BOARD_IDLE_MS ? "it has nothing to do here" : NULL;
}

static void look_after(struct client *client) {
  uint64_t now_ms = p2p_clock_ms(),
           heard_bytes = p2p_board_connection_heard_bytes(client->connection);
  if (heard_bytes != client->heard_bytes) client->heard_ms = now_ms;
  client->heard_bytes = heard_bytes;
  if (!p2p_board_connection_is_idle(client->connection)) client->busy_ms = now_ms;
  const char *why = why_not_stay(client, now_ms);
  if (why != NULL) {
    doom(client, P2P_LOG_INFO, why);
  } else {
    p2p_board_connection_ping(client->connection);
    check_end(client);
    mark_dirty(client);
  }
}

static void on_tick(void *arg) {
  struct p2p_board_listener *listener = arg;
  for (struct client *client = listener->clients; client != NULL; client = client->next)
    if (!client->is_doomed) look_after(client);
}

void p2p_board_listener_check_users(struct p2p_board_listener *listener) {
  for (struct client *client = listener->clients; client != NULL; client = client->next)
    if (!client->is_doomed && p2p_board_connection_is_other(client->connection))
      doom(client, P2P_LOG_INFO, "the users have changed, and with them who it is");
}

/* --- the door --- */

int p2p_board_listener_new(struct p2p_board_server *board, const char *address, uint16_t port,
                           const char *host_key, struct p2p_board_listener **out,
                           struct p2p_err *err) {
  struct p2p_board_listener *listener = calloc(1, sizeof *listener);
  if (listener == NULL) return p2p_err_set(err, P2P_ERR_MEMORY, "Out of memory.");
  listener->board = board;
  listener->tick = p2p_timer_new(board->loop, on_tick, listener);
  listener->soon = p2p_timer_new(board->loop, on_soon, listener);
  listener->fast = p2p_timer_new(board->loop, on_fast, listener);
  listener->dirty_end = &listener->dirty;
  int code = P2P_OK;
  if (listener->tick == NULL || listener->soon == NULL || listener->fast == NULL)
    code = p2p_err_set(err, P2P_ERR_MEMORY, "Out of memory.");
  if (code == P2P_OK) code = p2p_board_identity_load(host_key, &listener->identity, err);
  if (code == P2P_OK)
    code =
        p2p_listener_new(board->loop, address, port, on_accept, listener, &listener->listener, err);
  if (code != P2P_OK) {
    p2p_board_listener_free(listener);
    return code;
  }
  *out = listener;
  return P2P_OK;
}

void p2p_board_listener_free(struct p2p_board_listener *listener) {
  if (listener == NULL) return;
  p2p_listener_free(listener->listener);
  for (struct client *client = listener->clients; client != NULL; client = client->next) {
    if (!client->is_doomed)
      p2p_board_connection_set_reason(client->connection, "the board has been stopped");
    doom_silently(client);
  }
  listener->is_settling =
      true; /* who leaves changes things for others, but they are all on the list and leave too */
  serve_dirty(listener);
  p2p_timer_free(listener->tick);
  p2p_timer_free(listener->soon);
  p2p_timer_free(listener->fast);
  p2p_board_identity_free(listener->identity);
  free(listener);
}

uint16_t p2p_board_listener_port(const struct p2p_board_listener *listener) {
  return p2p_listener_port(listener->listener);
}
const char *p2p_board_listener_host_key(const struct p2p_board_listener *listener) {
  return p2p_board_identity_key(listener->identity);
}
const char *p2p_board_listener_fingerprint(const struct p2p_board_listener *listener) {
  return p2p_board_identity_fingerprint(listener->identity);
}
