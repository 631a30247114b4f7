/* The SSH server end of a message board, over libssh without its blocking calls: a connection has
 * an ssh_event of its own that is polled with no timeout when its owner finds the descriptor ready.
 *
 * libssh may read, and so call us back, from within almost any of its functions, writing ones too.
 * So callbacks only note what happened; channels are written, closed and freed in
 * p2p_board_connection_write, by its owner, when no function of libssh is on the stack. */
#include "server/board_connection.h"

#include <libssh/callbacks.h>
#include <libssh/libssh.h>
#include <libssh/server.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "server/board_identity.h"

#define CHUNK_MAX 32768  /* what one SSH packet carries */
#define POLLS_AT_ONCE 64 /* of one connection, before others have their turn */

enum stage {
  STAGE_KEX,      /* agreeing on keys */
  STAGE_STRANGER, /* encrypted; not authenticated */
  STAGE_OPEN      /* authenticated */
};

struct channel {
  struct channel *next;
  struct p2p_board_connection *connection;
  ssh_channel ssh;
  struct ssh_channel_callbacks_struct callbacks;
  struct p2p_board_session *session; /* NULL until a command is asked for */
  bool is_closed;                    /* by the client */
  bool is_finished;                  /* exit status and close were sent */
};

struct p2p_board_connection {
  struct p2p_board_server *board;
  ssh_session ssh;
  ssh_event event;
  struct ssh_server_callbacks_struct callbacks;
  struct ssh_counter_struct counter; /* of what libssh reads and writes on the socket */
  struct channel *channels;
  struct p2p_board_user user_info;
  enum stage stage;
  bool has_ended;
  char *key;            /* "ssh-ed25519 AAAA..."; owned; NULL before it is open */
  int64_t credit;       /* bytes of messages that it may send now; below 0: it has to wait */
  uint64_t credited_ms; /* up to when time was turned into credit */
  void (*on_change)(void *arg);
  void *arg;
};

/* --- what a client asks for: called by libssh --- */

static void note_change(struct p2p_board_connection *connection) {
  connection->on_change(connection->arg);
}
static void on_visit_change(void *arg) { note_change(((struct channel *)arg)->connection); }

static int on_data(ssh_session ssh, ssh_channel ssh_channel, void *data, uint32_t length,
                   int is_stderr, void *arg) {
  struct channel *channel = arg;
  (void)ssh;
  (void)ssh_channel;
  channel->connection->credit -= length;
  if (channel->session != NULL && !is_stderr)
    p2p_board_session_input(channel->session, data, length);
  return (int)length;
}

static void on_eof(ssh_session ssh, ssh_channel ssh_channel, void *arg) {
  struct channel *channel = arg;
  (void)ssh;
  (void)ssh_channel;
  if (channel->session != NULL) p2p_board_session_end_input(channel->session);
}

static void on_channel_close(ssh_session ssh, ssh_channel ssh_channel, void *arg) {
  struct channel *channel = arg;
  (void)ssh;
  (void)ssh_channel;
  channel->is_closed = true;
  note_change(channel->connection);
}

static int on_exec(ssh_session ssh, ssh_channel ssh_channel, const char *command, void *arg) {
  struct channel *channel = arg;
  (void)ssh;
  (void)ssh_channel;
  if (channel->session != NULL || channel->is_closed) return 1;
  struct p2p_board_connection *connection = channel->connection;
  channel->session = p2p_board_session_new(connection->board, &connection->user_info, command,
                                           on_visit_change, channel);
  return channel->session == NULL;
}

static int on_shell(ssh_session ssh, ssh_channel ssh_channel, void *arg) {
  return on_exec(ssh, ssh_channel, "help", arg);
}

static ssh_channel on_open(ssh_session ssh, void *arg) {
  struct p2p_board_connection *connection = arg;
  size_t n_channels = 0;
  for (struct channel *channel = connection->channels; channel != NULL; channel = channel->next)
    n_channels++;
  if (connection->stage != STAGE_OPEN || n_channels >= P2P_BOARD_CHANNELS_MAX) return NULL;
  struct channel *channel = calloc(1, sizeof *channel);
  if (channel == NULL) return NULL;
  channel->ssh = ssh_channel_new(ssh);
  if (channel->ssh == NULL) {
    free(channel);
    return NULL;
  }
  channel->connection = connection;
  channel->callbacks =
      (struct ssh_channel_callbacks_struct){.userdata = channel,
                                            .channel_data_function = on_data,
                                            .channel_eof_function = on_eof,
                                            .channel_close_function = on_channel_close,
                                            .channel_exec_request_function = on_exec,
                                            .channel_shell_request_function = on_shell};
  ssh_callbacks_init(&channel->callbacks);
  ssh_set_channel_callbacks(channel->ssh, &channel->callbacks);
  channel->next = connection->channels;
  connection->channels = channel;
  return channel->ssh;
}

static int open_for(struct p2p_board_connection *connection, const char *type, const char *base64,
                    const char *login) {
  size_t size = strlen(type) + strlen(base64) + 2;
  free(connection->key);
  connection->key = malloc(size);
  if (connection->key == NULL) return P2P_ERR_MEMORY;
  snprintf(connection->key, size, "%s %s", type, base64);
  p2p_board_user_name(&connection->user_info,
                      p2p_accounts_find(connection->board->users, type, base64), login);
  connection->stage = STAGE_OPEN;
  return P2P_OK;
}

/* Any key is let in; which one it is says who is there. */
static int on_key(ssh_session ssh, const char *login, struct ssh_key_struct *key, char state,
                  void *arg) {
  struct p2p_board_connection *connection = arg;
  char *base64 = NULL, *fingerprint = p2p_board_key_fingerprint(key);
  int result = SSH_AUTH_DENIED;
  (void)ssh;
  if (state == SSH_PUBLICKEY_STATE_NONE) {
    result = SSH_AUTH_SUCCESS; /* "I would take it": the signature comes next */
  } else if (state == SSH_PUBLICKEY_STATE_VALID && fingerprint != NULL &&
             ssh_pki_export_pubkey_base64(key, &base64) == SSH_OK) {
    const char *type = ssh_key_type_to_char(ssh_key_type(key));
    if (open_for(connection, type, base64, login) == P2P_OK) {
      snprintf(connection->user_info.fingerprint, sizeof connection->user_info.fingerprint, "%s",
               fingerprint);
      result = SSH_AUTH_SUCCESS;
    }
  }
  ssh_string_free_char(base64);
  ssh_string_free_char(fingerprint);
  return result;
}

/* --- reading and writing --- */

/* libssh closes the descriptor itself when the connection breaks, within whichever function notices
 * it. */
static void note_end(struct p2p_board_connection *connection) {
  if (ssh_get_fd(connection->ssh) < 0 ||
      (ssh_get_status(connection->ssh) & (SSH_CLOSED | SSH_CLOSED_ERROR)) != 0)
    connection->has_ended = true;
}

/* One step of libssh: true when there may be more to do at once. */
static bool poll_once(struct p2p_board_connection *connection) {
  int rc;
  if (connection->stage == STAGE_KEX) {
    rc = ssh_handle_key_exchange(connection->ssh);
    if (rc == SSH_OK) {
      connection->stage = STAGE_STRANGER;
      rc = ssh_event_add_session(connection->event, connection->ssh);
    }
  } else {
    rc = ssh_event_dopoll(connection->event, 0);
  }
  note_end(connection);
  if (rc == SSH_ERROR) connection->has_ended = true;
  return rc == SSH_OK && !connection->has_ended;
}

static void turn_time_into_credit(struct p2p_board_connection *connection) {
  uint64_t now_ms = p2p_clock_ms();
  connection->credit +=
      (int64_t)((now_ms - connection->credited_ms) * connection->board->limits.bytes_per_s / 1000);
  if (connection->credit > P2P_BOARD_BURST_BYTES) connection->credit = P2P_BOARD_BURST_BYTES;
  connection->credited_ms = now_ms;
}

void p2p_board_connection_read(struct p2p_board_connection *connection) {
  turn_time_into_credit(connection);
  for (int i = 0; i < POLLS_AT_ONCE && connection->credit > 0 && poll_once(connection); i++) {
  }
}

bool p2p_board_connection_is_fast(const struct p2p_board_connection *connection) {
  return connection->credit <= 0;
}

uint64_t p2p_board_connection_heard_bytes(const struct p2p_board_connection *connection) {
  return connection->counter.in_bytes;
}

bool p2p_board_connection_has_unsent(const struct p2p_board_connection *connection) {
  return (ssh_get_poll_flags(connection->ssh) & SSH_WRITE_PENDING) != 0;
}

/* Writing reads too: nothing is written to who has sent more than it may, until it may send again.
 */
static bool can_write(const struct channel *channel) {
  return !channel->connection->has_ended && !channel->is_closed &&
         !p2p_board_connection_is_fast(channel->connection);
}

/* Writes what waits, as far as the kernel and the client's window take it, so that nothing piles up
 * within libssh. The chunk is copied first, since writing may read, and reading may append to
 * `from`. */
static void write_from(struct channel *channel, struct p2p_buf *from, bool is_stderr) {
  struct p2p_board_connection *connection = channel->connection;
  uint8_t chunk[CHUNK_MAX];
  while (p2p_buf_len(from) > 0 && can_write(channel)) {
    if (p2p_board_connection_has_unsent(connection)) poll_once(connection);
    if (!can_write(channel) || p2p_board_connection_has_unsent(connection)) return;
    size_t length = p2p_buf_len(from), window = ssh_channel_window_size(channel->ssh);
    if (length > CHUNK_MAX) length = CHUNK_MAX;
    if (length > window) length = window;
    if (length == 0) return;
    memcpy(chunk, p2p_buf_data(from), length);
    int written = is_stderr ? ssh_channel_write_stderr(channel->ssh, chunk, (uint32_t)length)
                            : ssh_channel_write(channel->ssh, chunk, (uint32_t)length);
    if (written == SSH_ERROR) channel->is_closed = true;
    if (written <= 0) return;
    p2p_buf_consume(from, (size_t)written);
  }
  if (p2p_buf_len(from) == 0 && from->capacity > CHUNK_MAX)
    p2p_buf_clear(from); /* a crowd's chatter is not kept room for */
}

static void finish_channel(struct channel *channel, int exit_status) {
  channel->is_finished = true;
  ssh_channel_request_send_exit_status(channel->ssh, exit_status);
  ssh_channel_send_eof(channel->ssh);
  ssh_channel_close(channel->ssh);
}

static void serve_channel(struct channel *channel) {
  int exit_status;
  if (channel->session == NULL || channel->is_finished || !can_write(channel)) return;
  struct p2p_buf *out = p2p_board_session_out(channel->session),
                 *err = p2p_board_session_err(channel->session);
  write_from(channel, err, true);
  write_from(channel, out, false);
  if (p2p_board_session_is_overrun(channel->session)) {
    p2p_board_connection_set_reason(channel->connection, "you did not take what was sent to you");
    channel->connection->has_ended = true;
  }
  bool is_empty = p2p_buf_len(out) + p2p_buf_len(err) == 0;
  if (is_empty && can_write(channel) && p2p_board_session_has_ended(channel->session, &exit_status))
    finish_channel(channel, exit_status);
}

static void free_closed_channels(struct p2p_board_connection *connection) {
  for (struct channel **at = &connection->channels; *at != NULL;) {
    struct channel *channel = *at;
    if (!channel->is_closed) {
      at = &channel->next;
      continue;
    }
    *at = channel->next;
    ssh_remove_channel_callbacks(channel->ssh, &channel->callbacks);
    ssh_channel_free(channel->ssh);
    p2p_board_session_free(channel->session);
    free(channel);
  }
}

void p2p_board_connection_write(struct p2p_board_connection *connection) {
  /* libssh wants to hear that the kernel takes more before it believes it: mostly that is so, and
   * nobody has to watch for it. */
  for (int i = 0; i < POLLS_AT_ONCE && !connection->has_ended; i++) {
    for (struct channel *channel = connection->channels; channel != NULL; channel = channel->next)
      serve_channel(channel);
    if (p2p_board_connection_is_fast(connection) || !p2p_board_connection_has_unsent(connection))
      break;
    poll_once(connection);
    if (p2p_board_connection_has_unsent(connection)) break;
  }
  free_closed_channels(connection);
  note_end(connection);
}

void p2p_board_connection_set_reason(struct p2p_board_connection *connection, const char *why) {
  (void)ssh_session_set_disconnect_message(connection->ssh, why);
}

/* libssh takes the answer to the last request in the first call, and sends the next one in the
 * second. */
void p2p_board_connection_ping(struct p2p_board_connection *connection) {
  if (connection->stage != STAGE_OPEN || p2p_board_connection_has_unsent(connection)) return;
  ssh_send_keepalive(connection->ssh);
  ssh_send_keepalive(connection->ssh);
  note_end(connection);
}

/* --- one connection --- */

static int start_session(struct p2p_board_connection *connection,
                         struct p2p_board_identity *identity, int fd) {
  connection->ssh = ssh_new();
  connection->event = ssh_event_new();
  if (connection->ssh == NULL || connection->event == NULL ||
      ssh_bind_accept_fd(p2p_board_identity_bind(identity), connection->ssh, fd) != SSH_OK) {
    /* libssh may have taken it over before it failed: then it closes it. */
    if (connection->ssh == NULL || ssh_get_fd(connection->ssh) != fd) close(fd);
    return P2P_ERR_MEMORY;
  }
  connection->callbacks =
      (struct ssh_server_callbacks_struct){.userdata = connection,
                                           .auth_pubkey_function = on_key,
                                           .channel_open_request_session_function = on_open};
  ssh_callbacks_init(&connection->callbacks);
  ssh_set_blocking(connection->ssh, 0);
  ssh_set_counters(connection->ssh, &connection->counter, NULL);
  ssh_set_server_callbacks(connection->ssh, &connection->callbacks);
  ssh_set_auth_methods(connection->ssh, SSH_AUTH_METHOD_PUBLICKEY);
  return P2P_OK;
}

struct p2p_board_connection *p2p_board_connection_new(struct p2p_board_server *board,
                                                      struct p2p_board_identity *identity, int fd,
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
  snprintf(connection->user_info.address, sizeof connection->user_info.address, "%s", address);
  connection->credit = P2P_BOARD_BURST_BYTES;
  connection->credited_ms = p2p_clock_ms();
  if (start_session(connection, identity, fd) == P2P_OK) return connection;
  p2p_board_connection_free(connection);
  return NULL;
}

/* So that libssh writes its goodbye and does not only note it: what is on its way goes out first,
 * and then it has to hear that the kernel takes more. Channels are not closed before it, or the
 * client would take that for the end of its command and not look for a reason. */
static void say_goodbye(struct p2p_board_connection *connection) {
  if (connection->stage != STAGE_KEX) {
    for (int i = 0; i < 2 && !connection->has_ended && p2p_board_connection_has_unsent(connection);
         i++)
      poll_once(connection);
    ssh_event_remove_session(connection->event, connection->ssh);
  }
  ssh_disconnect(connection->ssh); /* and frees what it has of the channels */
}

void p2p_board_connection_free(struct p2p_board_connection *connection) {
  if (connection == NULL) return;
  if (connection->ssh != NULL) say_goodbye(connection);
  while (connection->channels != NULL) {
    struct channel *channel = connection->channels;
    connection->channels = channel->next;
    p2p_board_session_free(channel->session);
    free(channel);
  }
  if (connection->event != NULL) ssh_event_free(connection->event);
  ssh_free(connection->ssh);
  free(connection->key);
  free(connection);
}

bool p2p_board_connection_has_ended(const struct p2p_board_connection *connection) {
  return connection->has_ended;
}
bool p2p_board_connection_is_open(const struct p2p_board_connection *connection) {
  return connection->stage == STAGE_OPEN;
}
bool p2p_board_connection_is_idle(const struct p2p_board_connection *connection) {
  return connection->channels == NULL;
}
const struct p2p_board_user *p2p_board_connection_visitor(
    const struct p2p_board_connection *connection) {
  return &connection->user_info;
}

bool p2p_board_connection_is_other(const struct p2p_board_connection *connection) {
  if (connection->stage != STAGE_OPEN) return false;
  char type[64];
  size_t length = strcspn(connection->key, " ");
  snprintf(type, sizeof type, "%.*s", (int)length, connection->key);
  const char *user =
      p2p_accounts_find(connection->board->users, type, connection->key + length + 1);
  return strcmp(user == NULL ? "public" : user, connection->user_info.user) != 0;
}
