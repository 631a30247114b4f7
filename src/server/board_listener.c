/* The SSH server of a board. What a client sends makes others have something to write. Those are
 * put on a list, and flush() writes to them once everything that was ready has been read. So lines
 * that many clients send at once go out together, in a few packets per reader instead of one per
 * line; and the cost of a line depends on how many readers it has, not on how many clients there
 * are. */
#include "server/board_listener.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "net/listener.h"
#include "net/tcp.h"
#include "net/timer.h"
#include "net/watch.h"
#include "server/board_connection.h"
#include "server/client_address.h"

#define THROTTLED_MS 10 /* until throttled clients are read again */
#define UNFLUSHED_MAX_BYTES \
  32768                  /* read before what follows from them is written: a packet's worth */
#define ROUNDS_AT_ONCE 8 /* of a flush, before the loop has its turn */
#define NEXT_ROUND_MS 1

struct client {
  struct client *next, **link; /* of all; what points at this one */
  struct client *next_dirty;
  struct p2p_board_listener *listener;
  struct p2p_board_connection *connection;
  struct p2p_watch *watch; /* NULL once the connection has ended */
  uint64_t connected_ms;
  uint64_t received_ms;    /* when received_bytes last grew */
  uint64_t received_bytes; /* at the last check */
  uint64_t active_ms;      /* when it last had a channel */
  char client_address[P2P_CLIENT_ADDRESS_MAX];
  bool is_accepted; /* it was authenticated at the last check */
  bool is_dirty;    /* on the list: there may be something to write */
  bool is_closing;  /* on the list, to be freed */
};

struct p2p_board_listener {
  struct p2p_board_server *board;
  struct p2p_host_key *host_key;
  struct p2p_listener *listener;
  struct p2p_timer *check_timer, *flush_timer, *throttle_timer;
  bool is_throttle_timer_set; /* it is not postponed by the next client that is throttled */
  struct client *clients;
  size_t n_clients;
  struct client *dirty, **dirty_end; /* oldest first */
  size_t unflushed_bytes;
  bool is_flushing;
};

/* --- writing --- */

static void mark_dirty(struct client *client) {
  struct p2p_board_listener *listener = client->listener;
  if (client->is_dirty) return;
  if (listener->dirty == NULL && !listener->is_flushing)
    p2p_timer_start(listener->flush_timer, 0, 0); /* after what is ready was read */
  client->is_dirty = true;
  client->next_dirty = NULL;
  *listener->dirty_end = client;
  listener->dirty_end = &client->next_dirty;
}

static void on_change(void *arg) {
  struct client *client = arg;
  /* A client that is closing is on the list, or it is being freed and must not get on it. */
  if (!client->is_closing) mark_dirty(client);
}

static void mark_closing(struct client *client) {
  mark_dirty(client);
  client->is_closing = true;
}

static void stop_watching(struct client *client) {
  p2p_watch_free(client->watch);
  client->watch = NULL;
  mark_closing(client);
}

/* After each call that reads or writes. */
static void check_end(struct client *client) {
  if (client->watch != NULL && p2p_board_connection_has_ended(client->connection))
    stop_watching(client);
}

static void update_watch(struct client *client) {
  struct p2p_board_listener *listener = client->listener;
  if (client->watch == NULL) return;
  bool is_throttled = p2p_board_connection_is_throttled(client->connection);
  if (is_throttled && !listener->is_throttle_timer_set) {
    listener->is_throttle_timer_set = true;
    p2p_timer_start(listener->throttle_timer, THROTTLED_MS, 0);
  }
  bool has_unsent = p2p_board_connection_has_unsent(client->connection);
  if (p2p_watch_set(client->watch, !is_throttled, !is_throttled && has_unsent) != P2P_OK)
    stop_watching(client);
}

static void free_client(struct client *client) {
  p2p_watch_free(client->watch);
  p2p_board_connection_free(client->connection);
  free(client);
}

static void remove_client(struct client *client) {
  struct p2p_board_listener *listener = client->listener;
  *client->link = client->next;
  if (client->next != NULL) client->next->link = client->link;
  if (--listener->n_clients == 0) p2p_timer_stop(listener->check_timer);
  free_client(client);
}

/* Serves those that are on the list now; others may get on it meanwhile. */
static void write_dirty(struct p2p_board_listener *listener) {
  struct client *client = listener->dirty;
  listener->dirty = NULL;
  listener->dirty_end = &listener->dirty;
  while (client != NULL) {
    struct client *next = client->next_dirty;
    client->is_dirty = false;
    if (client->is_closing) {
      remove_client(client);
    } else {
      p2p_board_connection_write(client->connection);
      check_end(client);
      update_watch(client);
    }
    client = next;
  }
}

static void flush(struct p2p_board_listener *listener) {
  listener->is_flushing = true;
  for (int round = 0; listener->dirty != NULL && round < ROUNDS_AT_ONCE; round++)
    write_dirty(listener);
  listener->is_flushing = false;
  listener->unflushed_bytes = 0;
  if (listener->dirty != NULL)
    p2p_timer_start(listener->flush_timer, NEXT_ROUND_MS, 0);
  else
    p2p_timer_stop(listener->flush_timer);
}

static void on_flush_timer(void *arg) { flush(arg); }

/* --- closing --- */

/* `reason` is logged and sent to the client. */
static void close_client(struct client *client, enum p2p_log_level level, const char *reason) {
  struct p2p_log_queue *log = client->listener->board->log;
  const struct p2p_board_user *user = p2p_board_connection_user(client->connection);
  if (p2p_board_connection_is_authenticated(client->connection)) {
    char who[P2P_BOARD_USER_LABEL_MAX];
    p2p_board_user_label(user, who);
    p2p_log_write(log, level, "closed the connection of %s from %s: %s", who, user->address,
                  reason);
  } else {
    p2p_log_write(log, level, "closed a connection from %s: %s", user->address, reason);
  }
  p2p_board_connection_set_reason(client->connection, reason);
  mark_closing(client);
}

/* Anybody can create keys, so those without an account leave half of the connections to others. */
static const char *reason_to_reject(const struct client *client) {
  const struct p2p_board_limits *limits = &client->listener->board->limits;
  const struct p2p_board_user *user = p2p_board_connection_user(client->connection);
  size_t n_of_key = 0, n_without_account = 0;
  for (const struct client *other = client->listener->clients; other != NULL; other = other->next) {
    if (!other->is_accepted) continue;
    const struct p2p_board_user *other_user = p2p_board_connection_user(other->connection);
    n_of_key += strcmp(other_user->fingerprint, user->fingerprint) == 0;
    n_without_account += !p2p_board_user_has_account(other_user);
  }
  if (n_of_key > limits->connections_per_key)
    return "too many connections with this key; close one of them first";
  if (!p2p_board_user_has_account(user) && n_without_account > (limits->connections + 1) / 2)
    return "too many connections with keys without an account; try again later";
  return NULL;
}

static void check_authentication(struct client *client) {
  if (client->is_accepted || !p2p_board_connection_is_authenticated(client->connection)) return;
  const struct p2p_board_user *user = p2p_board_connection_user(client->connection);
  client->is_accepted = true;
  if (p2p_board_user_has_account(user))
    p2p_log_write(client->listener->board->log, P2P_LOG_DEBUG, "accepted '%s' from %s (%s)",
                  user->name, user->address, user->fingerprint);
  else
    p2p_log_write(client->listener->board->log, P2P_LOG_DEBUG,
                  "accepted a key without an account from %s (%s)", user->address,
                  user->fingerprint);
  const char *reason = reason_to_reject(client);
  if (reason != NULL) close_client(client, P2P_LOG_WARN, reason);
}

static const char *reason_to_close(const struct client *client, uint64_t now_ms) {
  const struct p2p_board_limits *limits = &client->listener->board->limits;
  if (!p2p_board_connection_is_authenticated(client->connection))
    return now_ms - client->connected_ms > limits->login_ms ? "no key was shown in time" : NULL;
  if (now_ms - client->received_ms > limits->silence_ms) return "the client does not answer";
  return now_ms - client->active_ms > P2P_BOARD_IDLE_MS ? "no command is running" : NULL;
}

static void check_client(struct client *client) {
  uint64_t now_ms = p2p_clock_ms(),
           received_bytes = p2p_board_connection_received_bytes(client->connection);
  if (received_bytes != client->received_bytes) client->received_ms = now_ms;
  client->received_bytes = received_bytes;
  if (p2p_board_connection_has_channel(client->connection)) client->active_ms = now_ms;
  const char *reason = reason_to_close(client, now_ms);
  if (reason != NULL) {
    close_client(client, P2P_LOG_INFO, reason);
  } else {
    p2p_board_connection_ping(client->connection);
    check_end(client);
    mark_dirty(client);
  }
}

static void on_check_timer(void *arg) {
  struct p2p_board_listener *listener = arg;
  for (struct client *client = listener->clients; client != NULL; client = client->next)
    if (!client->is_closing) check_client(client);
}

void p2p_board_listener_check_accounts(struct p2p_board_listener *listener) {
  for (struct client *client = listener->clients; client != NULL; client = client->next)
    if (!client->is_closing && p2p_board_connection_has_stale_user(client->connection))
      close_client(client, P2P_LOG_INFO, "the account of this key has changed");
}

/* --- reading --- */

static void read_client(struct client *client) {
  uint64_t before = p2p_board_connection_received_bytes(client->connection);
  p2p_board_connection_read(client->connection);
  client->listener->unflushed_bytes +=
      (size_t)(p2p_board_connection_received_bytes(client->connection) - before);
  check_end(client);
  if (!client->is_closing) check_authentication(client);
  mark_dirty(client);
}

static void on_ready(void *arg, bool readable, bool writable) {
  struct client *client = arg;
  struct p2p_board_listener *listener = client->listener;
  (void)readable;
  (void)writable;
  if (!client->is_closing) read_client(client);
  if (listener->unflushed_bytes >= UNFLUSHED_MAX_BYTES) flush(listener);
}

static void on_throttle_timer(void *arg) {
  struct p2p_board_listener *listener = arg;
  listener->is_throttle_timer_set = false;
  for (struct client *client = listener->clients; client != NULL; client = client->next)
    if (!client->is_closing && p2p_board_connection_is_throttled(client->connection))
      read_client(client);
  flush(listener);
}

/* --- accepting --- */

static const char *reason_to_refuse(const struct p2p_board_listener *listener,
                                    const char *client_address) {
  size_t n_unauthenticated = 0, n_of_address = 0;
  for (const struct client *client = listener->clients; client != NULL; client = client->next) {
    if (p2p_board_connection_is_authenticated(client->connection)) continue;
    n_unauthenticated++;
    n_of_address += strcmp(client->client_address, client_address) == 0;
  }
  if (listener->n_clients >= listener->board->limits.connections) return "too many connections";
  if (n_unauthenticated >= P2P_BOARD_UNAUTHENTICATED_MAX)
    return "too many unauthenticated connections";
  return n_of_address >= P2P_BOARD_UNAUTHENTICATED_PER_ADDRESS_MAX
             ? "too many unauthenticated connections from this address"
             : NULL;
}

/* Takes over fd, also when it fails. */
static struct client *new_client(struct p2p_board_listener *listener, int fd, const char *address) {
  struct client *client = calloc(1, sizeof *client);
  if (client == NULL) {
    close(fd);
    return NULL;
  }
  client->listener = listener;
  client->connected_ms = client->received_ms = client->active_ms = p2p_clock_ms();
  client->connection =
      p2p_board_connection_new(listener->board, listener->host_key, fd, address, on_change, client);
  if (client->connection != NULL)
    client->watch = p2p_watch_new(listener->board->loop, fd, on_ready, client);
  if (client->watch != NULL) return client;
  free_client(client);
  return NULL;
}

static void add_client(struct p2p_board_listener *listener, struct client *client) {
  uint32_t ping_ms = listener->board->limits.ping_ms;
  client->next = listener->clients;
  client->link = &listener->clients;
  if (client->next != NULL) client->next->link = &client->next;
  listener->clients = client;
  /* The timer runs only while there are clients. */
  if (listener->n_clients++ == 0) p2p_timer_start(listener->check_timer, ping_ms, ping_ms);
}

static void on_accept(void *arg, struct p2p_tcp *tcp) {
  struct p2p_board_listener *listener = arg;
  char address[64] = "?:0", client_address[P2P_CLIENT_ADDRESS_MAX];
  struct client *client = NULL;
  (void)p2p_tcp_peer_name(tcp, address, sizeof address);
  p2p_client_address_of(address, client_address);
  const char *reason = reason_to_refuse(listener, client_address);
  int fd = reason == NULL ? p2p_tcp_take_fd(tcp) : -1;
  if (fd < 0) {
    if (reason == NULL) reason = "out of file descriptors";
    p2p_tcp_free(tcp); /* still ours */
  } else if ((client = new_client(listener, fd, address)) == NULL) {
    reason = "out of memory";
  }
  if (client == NULL) {
    p2p_log_write(listener->board->log, P2P_LOG_WARN, "refused a connection from %s: %s", address,
                  reason);
    return;
  }
  memcpy(client->client_address, client_address, sizeof client_address);
  add_client(listener, client);
  on_ready(client, false, true);
}

/* --- the listener --- */

static int open_listener(struct p2p_board_listener *listener, const char *address, uint16_t port,
                         const char *host_key, struct p2p_err *err) {
  struct p2p_loop *loop = listener->board->loop;
  listener->check_timer = p2p_timer_new(loop, on_check_timer, listener);
  listener->flush_timer = p2p_timer_new(loop, on_flush_timer, listener);
  listener->throttle_timer = p2p_timer_new(loop, on_throttle_timer, listener);
  if (listener->check_timer == NULL || listener->flush_timer == NULL ||
      listener->throttle_timer == NULL)
    return p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
  int code = p2p_host_key_load(host_key, &listener->host_key, err);
  if (code != P2P_OK) return code;
  return p2p_listener_new(&(struct p2p_listener_config){loop, address, port, on_accept, listener},
                          &listener->listener, err);
}

int p2p_board_listener_new(struct p2p_board_server *board, const char *address, uint16_t port,
                           const char *host_key, struct p2p_board_listener **out,
                           struct p2p_err *err) {
  struct p2p_board_listener *listener = calloc(1, sizeof *listener);
  if (listener == NULL) return p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
  listener->board = board;
  listener->dirty_end = &listener->dirty;
  int code = open_listener(listener, address, port, host_key, err);
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
    if (!client->is_closing)
      p2p_board_connection_set_reason(client->connection, "the board has been stopped");
    mark_closing(client);
  }
  /* A client that leaves changes things for others, but all are on the list already. */
  listener->is_flushing = true;
  write_dirty(listener);
  p2p_timer_free(listener->check_timer);
  p2p_timer_free(listener->flush_timer);
  p2p_timer_free(listener->throttle_timer);
  p2p_host_key_free(listener->host_key);
  free(listener);
}

uint16_t p2p_board_listener_port(const struct p2p_board_listener *listener) {
  return p2p_listener_port(listener->listener);
}
const char *p2p_board_listener_host_key(const struct p2p_board_listener *listener) {
  return p2p_host_key_line(listener->host_key);
}
const char *p2p_board_listener_fingerprint(const struct p2p_board_listener *listener) {
  return p2p_host_key_fingerprint(listener->host_key);
}
