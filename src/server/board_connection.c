/* The server end of one SSH connection to a board. Callbacks of libssh only take notes; channels
 * are written, closed and freed in p2p_board_connection_write, when no function of libssh is on the
 * stack. */
#include "server/board_connection.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server/board_channel.h"
#include "server/board_transport.h"

#define WRITES_AT_ONCE 64 /* on one connection, before others have their turn */

struct p2p_board_connection {
  struct p2p_board_server *board;
  struct p2p_board_transport transport;
  struct ssh_server_callbacks_struct callbacks;
  struct p2p_board_channel *channels;
  struct p2p_board_user user;
  struct p2p_attested_keys attested;
  char *key_type, *key_base64; /* owned; NULL before it is authenticated */
  bool is_authenticated;
  void (*on_change)(void *arg);
  void *arg;
};

/* --- called by libssh --- */

static ssh_channel on_open(ssh_session ssh, void *arg) {
  struct p2p_board_connection *connection = arg;
  size_t n_channels = 0;
  (void)ssh;
  for (struct p2p_board_channel *channel = connection->channels; channel != NULL;
       channel = channel->next)
    n_channels++;
  if (!connection->is_authenticated || n_channels >= P2P_BOARD_CHANNELS_MAX) return NULL;
  struct p2p_board_channel *channel =
      p2p_board_channel_new(&connection->transport, connection->board, &connection->user,
                            connection->on_change, connection->arg);
  if (channel == NULL) return NULL;
  channel->next = connection->channels;
  connection->channels = channel;
  return channel->ssh;
}

static int authenticate(struct p2p_board_connection *connection, ssh_key key, const char *login) {
  char *base64 = NULL, *fingerprint = p2p_host_key_fingerprint_of(key);
  const char *type = ssh_key_type_to_char(ssh_key_type(key));
  bool has_key =
      fingerprint != NULL && ssh_pki_export_pubkey_base64(key, &base64) == SSH_OK && type != NULL;
  if (has_key) {
    free(connection->key_type);
    free(connection->key_base64);
    connection->key_type = strdup(type);
    connection->key_base64 = strdup(base64);
    has_key = connection->key_type != NULL && connection->key_base64 != NULL;
  }
  if (has_key) {
    p2p_board_user_set_name(&connection->user,
                            p2p_accounts_find(connection->board->accounts, type, base64), login);
    snprintf(connection->user.fingerprint, sizeof connection->user.fingerprint, "%s", fingerprint);
    connection->is_authenticated = true;
  }
  ssh_string_free_char(base64);
  ssh_string_free_char(fingerprint);
  return has_key ? SSH_AUTH_SUCCESS : SSH_AUTH_DENIED;
}

/* Accounts have plain keys only. A client that offers a certificate offers its plain key as well.
 */
static bool is_certificate(ssh_key key) {
  const char *type = ssh_key_type_to_char(ssh_key_type(key));
  return type == NULL || strstr(type, "-cert-") != NULL;
}

/* Any plain key is accepted: it only decides who the user is. */
static int on_key(ssh_session ssh, const char *login, struct ssh_key_struct *key, char state,
                  void *arg) {
  struct p2p_board_connection *connection = arg;
  (void)ssh;
  if (connection->is_authenticated || is_certificate(key)) return SSH_AUTH_DENIED;
  if (state == SSH_PUBLICKEY_STATE_NONE) return SSH_AUTH_SUCCESS; /* the signature comes next */
  return state == SSH_PUBLICKEY_STATE_VALID ? authenticate(connection, key, login)
                                            : SSH_AUTH_DENIED;
}

/* --- reading and writing --- */

void p2p_board_connection_read(struct p2p_board_connection *connection) {
  p2p_board_transport_read(&connection->transport);
}

static void write_channels(struct p2p_board_connection *connection) {
  for (struct p2p_board_channel *channel = connection->channels; channel != NULL;
       channel = channel->next) {
    if (p2p_board_channel_write(channel)) continue;
    p2p_board_connection_set_reason(connection, "you read too slowly: too many bytes wait for you");
    connection->transport.has_ended = true;
  }
}

static void free_closed_channels(struct p2p_board_connection *connection) {
  for (struct p2p_board_channel **at = &connection->channels; *at != NULL;) {
    struct p2p_board_channel *channel = *at;
    if (channel->is_closed) {
      *at = channel->next;
      p2p_board_channel_free(channel);
    } else {
      at = &channel->next;
    }
  }
}

void p2p_board_connection_write(struct p2p_board_connection *connection) {
  struct p2p_board_transport *transport = &connection->transport;
  /* libssh believes that the kernel takes more only after a poll. Mostly it does, and then nobody
   * has to watch the descriptor. */
  for (int i = 0; i < WRITES_AT_ONCE && !transport->has_ended; i++) {
    write_channels(connection);
    if (p2p_board_transport_is_throttled(transport) || !p2p_board_transport_has_unsent(transport))
      break;
    p2p_board_transport_poll(transport);
    if (p2p_board_transport_has_unsent(transport)) break;
  }
  free_closed_channels(connection);
  p2p_board_transport_check_end(transport);
}

void p2p_board_connection_set_reason(struct p2p_board_connection *connection, const char *reason) {
  (void)ssh_session_set_disconnect_message(connection->transport.ssh, reason);
}

/* In the first call libssh takes the reply to the last request; in the second it sends the next
 * request. */
void p2p_board_connection_ping(struct p2p_board_connection *connection) {
  struct p2p_board_transport *transport = &connection->transport;
  if (!connection->is_authenticated || p2p_board_transport_has_unsent(transport)) return;
  ssh_send_keepalive(transport->ssh);
  ssh_send_keepalive(transport->ssh);
  p2p_board_transport_check_end(transport);
}

/* --- its life --- */

static int open_transport(struct p2p_board_connection *connection, struct p2p_host_key *host_key,
                          int fd) {
  struct p2p_board_transport *transport = &connection->transport;
  int code = p2p_board_transport_open(transport, p2p_host_key_bind(host_key), fd,
                                      connection->board->limits.bytes_per_s);
  if (code != P2P_OK) return code;
  connection->callbacks =
      (struct ssh_server_callbacks_struct){.userdata = connection,
                                           .auth_pubkey_function = on_key,
                                           .channel_open_request_session_function = on_open};
  ssh_callbacks_init(&connection->callbacks);
  return ssh_set_server_callbacks(transport->ssh, &connection->callbacks) == SSH_OK
             ? P2P_OK
             : P2P_ERR_MEMORY;
}

struct p2p_board_connection *p2p_board_connection_new(struct p2p_board_server *board,
                                                      struct p2p_host_key *host_key, int fd,
                                                      const char *address,
                                                      void (*on_change)(void *arg), void *arg) {
  struct p2p_board_connection *connection = calloc(1, sizeof *connection);
  if (connection == NULL) {
    close(fd);
    return NULL;
  }
  connection->board = board;
  connection->on_change = on_change;
  connection->arg = arg;
  connection->attested.user = connection->user.name;
  connection->user.attested = &connection->attested;
  snprintf(connection->user.address, sizeof connection->user.address, "%s", address);
  if (open_transport(connection, host_key, fd) == P2P_OK) return connection;
  p2p_board_connection_free(connection);
  return NULL;
}

void p2p_board_connection_free(struct p2p_board_connection *connection) {
  if (connection == NULL) return;
  p2p_board_transport_close(&connection->transport);
  while (connection->channels != NULL) {
    struct p2p_board_channel *channel = connection->channels;
    connection->channels = channel->next;
    channel->ssh = NULL; /* freed with the transport */
    p2p_board_channel_free(channel);
  }
  p2p_attested_keys_clear(&connection->attested);
  free(connection->key_type);
  free(connection->key_base64);
  free(connection);
}

/* --- its state --- */

bool p2p_board_connection_has_ended(const struct p2p_board_connection *connection) {
  return connection->transport.has_ended;
}
bool p2p_board_connection_has_unsent(const struct p2p_board_connection *connection) {
  return p2p_board_transport_has_unsent(&connection->transport);
}
bool p2p_board_connection_is_throttled(const struct p2p_board_connection *connection) {
  return p2p_board_transport_is_throttled(&connection->transport);
}
bool p2p_board_connection_is_authenticated(const struct p2p_board_connection *connection) {
  return connection->is_authenticated;
}
bool p2p_board_connection_has_channel(const struct p2p_board_connection *connection) {
  return connection->channels != NULL;
}
uint64_t p2p_board_connection_received_bytes(const struct p2p_board_connection *connection) {
  return connection->transport.counter.in_bytes;
}
const struct p2p_board_user *p2p_board_connection_user(
    const struct p2p_board_connection *connection) {
  return &connection->user;
}

bool p2p_board_connection_has_stale_user(const struct p2p_board_connection *connection) {
  if (!connection->is_authenticated) return false;
  const char *account =
      p2p_accounts_find(connection->board->accounts, connection->key_type, connection->key_base64);
  struct p2p_board_user now = {.name = ""};
  p2p_board_user_set_name(&now, account, NULL);
  return strcmp(now.name, connection->user.name) != 0;
}
