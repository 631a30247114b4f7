/* The SSH server of a message board, over libssh without its blocking calls: each connection has an ssh_event of its own that is
 * polled with no timeout whenever the loop finds its descriptor ready.
 *
 * libssh may read, and so call us back, from within almost any of its functions, writing ones too. So callbacks only note
 * what happened, and one place, settle(), writes, closes and frees, when no function of libssh is on the stack. */
#include "server/board_server.h"

#include <libssh/callbacks.h>
#include <libssh/libssh.h>
#include <libssh/server.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "net/tcp.h"
#include "server/host_key_file.h"

#define TICK_MS 1000
#define CHUNK_MAX 32768  /* what one SSH packet carries */
#define POLLS_AT_ONCE 64 /* of one connection, before others have their turn */
#define ROUNDS_AT_ONCE 8

enum stage {
  STAGE_KEX,      /* agreeing on keys */
  STAGE_STRANGER, /* encrypted; not authenticated */
  STAGE_OPEN      /* authenticated */
};

struct channel {
  struct channel *next;
  struct session *session;
  ssh_channel ssh;
  struct ssh_channel_callbacks_struct callbacks;
  struct p2p_visit *visit; /* NULL until a command is asked for */
  bool is_closed;          /* by the client */
  bool is_finished;        /* exit status and close were sent */
};

struct session {
  struct session *next;
  struct p2p_board_server *server;
  ssh_session ssh;
  ssh_event event;
  struct p2p_watch *watch;
  struct ssh_server_callbacks_struct callbacks;
  struct channel *channels;
  struct p2p_visitor visitor;
  enum stage stage;
  uint64_t came_ms, heard_ms, busy_ms; /* busy: when it last had a channel */
  bool is_dirty;  /* there may be something to write */
  bool is_doomed; /* to be freed */
};

struct p2p_board_server {
  struct p2p_board *board;
  struct p2p_listener *listener;
  struct p2p_timer *tick, *again;
  ssh_bind bind;
  struct session *sessions;
  size_t n_sessions, n_ticks;
  bool is_busy; /* settle() will be called before the loop goes on */
  char *host_key, *fingerprint;
  uint8_t chunk[CHUNK_MAX];
};

static void touch(struct session *session) {
  session->is_dirty = true;
  if (!session->server->is_busy) p2p_timer_start(session->server->again, 0, 0);
}

static void doom(struct session *session) {
  session->is_doomed = true;
  touch(session);
}

/* --- what a client asks for: called by libssh --- */

static void on_visit_change(void *arg) { touch(((struct channel *)arg)->session); }

static int on_data(ssh_session ssh, ssh_channel ssh_channel, void *data, uint32_t length, int is_stderr, void *arg) {
  struct channel *channel = arg;
  (void)ssh;
  (void)ssh_channel;
  if (channel->visit != NULL && !is_stderr) p2p_visit_input(channel->visit, data, length);
  return (int)length;
}

static void on_eof(ssh_session ssh, ssh_channel ssh_channel, void *arg) {
  struct channel *channel = arg;
  (void)ssh;
  (void)ssh_channel;
  if (channel->visit != NULL) p2p_visit_end_input(channel->visit);
}

static void on_channel_close(ssh_session ssh, ssh_channel ssh_channel, void *arg) {
  struct channel *channel = arg;
  (void)ssh;
  (void)ssh_channel;
  channel->is_closed = true;
  touch(channel->session);
}

static int on_exec(ssh_session ssh, ssh_channel ssh_channel, const char *command, void *arg) {
  struct channel *channel = arg;
  (void)ssh;
  (void)ssh_channel;
  if (channel->visit != NULL || channel->is_closed) return 1;
  channel->visit = p2p_visit_new(channel->session->server->board, &channel->session->visitor, command, on_visit_change, channel);
  return channel->visit == NULL;
}

static int on_shell(ssh_session ssh, ssh_channel ssh_channel, void *arg) { return on_exec(ssh, ssh_channel, "help", arg); }

static ssh_channel on_open(ssh_session ssh, void *arg) {
  struct session *session = arg;
  size_t n_channels = 0;
  for (struct channel *channel = session->channels; channel != NULL; channel = channel->next) n_channels++;
  if (session->stage != STAGE_OPEN || n_channels >= P2P_BOARD_CHANNELS_MAX) return NULL;
  struct channel *channel = calloc(1, sizeof *channel);
  if (channel == NULL) return NULL;
  channel->ssh = ssh_channel_new(ssh);
  if (channel->ssh == NULL) {
    free(channel);
    return NULL;
  }
  channel->session = session;
  channel->callbacks = (struct ssh_channel_callbacks_struct){
      .userdata = channel, .channel_data_function = on_data, .channel_eof_function = on_eof,
      .channel_close_function = on_channel_close, .channel_exec_request_function = on_exec,
      .channel_shell_request_function = on_shell};
  ssh_callbacks_init(&channel->callbacks);
  ssh_set_channel_callbacks(channel->ssh, &channel->callbacks);
  channel->next = session->channels;
  session->channels = channel;
  return channel->ssh;
}

/* "SHA256:..." of a key; the caller frees it with ssh_string_free_char. */
static char *key_fingerprint(ssh_key key) {
  unsigned char *hash = NULL;
  size_t length = 0;
  if (ssh_get_publickey_hash(key, SSH_PUBLICKEY_HASH_SHA256, &hash, &length) != 0) return NULL;
  char *text = ssh_get_fingerprint_hash(SSH_PUBLICKEY_HASH_SHA256, hash, length);
  ssh_clean_pubkey_hash(&hash);
  return text;
}

/* Any key is let in; which one it is says who is there. */
static int on_key(ssh_session ssh, const char *login, struct ssh_key_struct *key, char state, void *arg) {
  struct session *session = arg;
  char *base64 = NULL, *fingerprint = key_fingerprint(key);
  int result = SSH_AUTH_DENIED;
  (void)ssh;
  if (state == SSH_PUBLICKEY_STATE_NONE) {
    result = SSH_AUTH_SUCCESS; /* "I would take it": the signature comes next */
  } else if (state == SSH_PUBLICKEY_STATE_VALID && fingerprint != NULL && ssh_pki_export_pubkey_base64(key, &base64) == SSH_OK) {
    const char *type = ssh_key_type_to_char(ssh_key_type(key));
    p2p_visitor_name(&session->visitor, p2p_users_find(session->server->board->users, type, base64), login);
    snprintf(session->visitor.fingerprint, sizeof session->visitor.fingerprint, "%s", fingerprint);
    session->stage = STAGE_OPEN;
    session->busy_ms = p2p_clock_ms();
    result = SSH_AUTH_SUCCESS;
  }
  ssh_string_free_char(base64);
  ssh_string_free_char(fingerprint);
  return result;
}

/* --- one connection --- */

/* libssh closes the descriptor itself when the connection breaks, within whichever function notices it. The watch must be gone
 * before the loop goes on, since the number may then be another file's. After every stay in libssh: */
static void check_descriptor(struct session *session) {
  if (ssh_get_fd(session->ssh) >= 0) return;
  p2p_watch_free(session->watch);
  session->watch = NULL;
  doom(session);
}

/* One step of libssh: true when there may be more to do at once. */
static bool poll_once(struct session *session) {
  int rc;
  if (session->stage == STAGE_KEX) {
    rc = ssh_handle_key_exchange(session->ssh);
    if (rc == SSH_OK) {
      session->stage = STAGE_STRANGER;
      rc = ssh_event_add_session(session->event, session->ssh);
    }
  } else {
    rc = ssh_event_dopoll(session->event, 0);
  }
  if (rc == SSH_ERROR || (ssh_get_status(session->ssh) & (SSH_CLOSED | SSH_CLOSED_ERROR)) != 0) doom(session);
  check_descriptor(session);
  return rc == SSH_OK && !session->is_doomed;
}

static bool has_unsent(const struct session *session) { return (ssh_get_poll_flags(session->ssh) & SSH_WRITE_PENDING) != 0; }

/* Writes what waits, as far as the kernel and the client's window take it, so that nothing piles up within libssh. The chunk is
 * copied first, since writing may read, and reading may append to `from`. */
static void write_from(struct channel *channel, struct p2p_buf *from, bool is_stderr) {
  struct session *session = channel->session;
  uint8_t *chunk = session->server->chunk;
  while (p2p_buf_len(from) > 0 && !session->is_doomed && !channel->is_closed) {
    if (has_unsent(session)) poll_once(session);
    size_t length = p2p_buf_len(from), window = ssh_channel_window_size(channel->ssh);
    if (length > CHUNK_MAX) length = CHUNK_MAX;
    if (length > window) length = window;
    if (length == 0 || session->is_doomed || channel->is_closed || has_unsent(session)) return;
    memcpy(chunk, p2p_buf_data(from), length);
    int written = is_stderr ? ssh_channel_write_stderr(channel->ssh, chunk, (uint32_t)length)
                            : ssh_channel_write(channel->ssh, chunk, (uint32_t)length);
    if (written == SSH_ERROR) channel->is_closed = true;
    if (written <= 0) return;
    p2p_buf_consume(from, (size_t)written);
  }
}

static void finish_channel(struct channel *channel, int exit_status) {
  channel->is_finished = true;
  ssh_channel_request_send_exit_status(channel->ssh, exit_status);
  ssh_channel_send_eof(channel->ssh);
  ssh_channel_close(channel->ssh);
}

static void serve_channel(struct channel *channel) {
  int exit_status;
  if (channel->visit == NULL || channel->is_finished || channel->is_closed) return;
  if (p2p_visit_is_overrun(channel->visit)) {
    doom(channel->session);
    return;
  }
  write_from(channel, p2p_visit_err(channel->visit), true);
  write_from(channel, p2p_visit_out(channel->visit), false);
  bool is_empty = p2p_buf_len(p2p_visit_out(channel->visit)) + p2p_buf_len(p2p_visit_err(channel->visit)) == 0;
  if (is_empty && !channel->is_closed && p2p_visit_has_ended(channel->visit, &exit_status)) finish_channel(channel, exit_status);
}

static void free_channel(struct channel *channel) {
  ssh_remove_channel_callbacks(channel->ssh, &channel->callbacks);
  ssh_channel_free(channel->ssh);
  p2p_visit_free(channel->visit);
  free(channel);
}

static void serve_session(struct session *session) {
  session->is_dirty = false;
  for (struct channel *channel = session->channels; channel != NULL; channel = channel->next) serve_channel(channel);
  for (struct channel **at = &session->channels; *at != NULL;) {
    struct channel *channel = *at;
    if (!channel->is_closed) {
      at = &channel->next;
      continue;
    }
    *at = channel->next;
    free_channel(channel);
    session->busy_ms = p2p_clock_ms();
  }
  check_descriptor(session);
  if (session->watch != NULL) p2p_watch_set(session->watch, true, has_unsent(session));
}

static void free_session(struct session *session) {
  while (session->channels != NULL) {
    struct channel *channel = session->channels;
    session->channels = channel->next;
    free_channel(channel);
  }
  p2p_watch_free(session->watch);
  if (session->event != NULL) {
    if (session->stage != STAGE_KEX) ssh_event_remove_session(session->event, session->ssh);
    ssh_event_free(session->event);
  }
  if (session->ssh != NULL) ssh_disconnect(session->ssh);
  ssh_free(session->ssh);
  free(session);
}

/* --- the server --- */

static bool free_doomed(struct p2p_board_server *server) {
  bool was_doomed = false;
  for (struct session **at = &server->sessions; *at != NULL;) {
    struct session *session = *at;
    if (!session->is_doomed) {
      at = &session->next;
      continue;
    }
    *at = session->next;
    server->n_sessions--;
    free_session(session);
    was_doomed = true;
  }
  return was_doomed;
}

static bool serve_dirty(struct p2p_board_server *server) {
  bool was_dirty = false;
  for (struct session *session = server->sessions; session != NULL; session = session->next) {
    if (!session->is_dirty || session->is_doomed) continue;
    was_dirty = true;
    serve_session(session);
  }
  return was_dirty;
}

/* Does what was noted, until nothing is left or it is somebody else's turn on the loop. */
static void settle(struct p2p_board_server *server) {
  bool is_more = true;
  server->is_busy = true;
  for (int round = 0; is_more && round < ROUNDS_AT_ONCE; round++) {
    is_more = serve_dirty(server);
    is_more = free_doomed(server) || is_more;
  }
  server->is_busy = false;
  if (is_more) p2p_timer_start(server->again, 0, 0);
}

static void on_again(void *arg) { settle(arg); }

static void on_ready(void *arg, bool readable, bool writable) {
  struct session *session = arg;
  struct p2p_board_server *server = session->server;
  (void)writable;
  server->is_busy = true;
  if (readable) session->heard_ms = p2p_clock_ms();
  for (int i = 0; i < POLLS_AT_ONCE && poll_once(session); i++) {}
  session->is_dirty = true;
  settle(server);
}

/* The request wants an answer, so that a peer that is gone shows by its silence. libssh takes the answer to the last one
 * in the first call, and sends the next one in the second. */
static void ping(struct session *session) {
  if (session->stage != STAGE_OPEN || has_unsent(session)) return;
  ssh_send_keepalive(session->ssh);
  ssh_send_keepalive(session->ssh);
  check_descriptor(session);
  session->is_dirty = true;
}

static void send_away(struct session *session, const char *why) {
  p2p_events_say(session->server->board->events, P2P_LEVEL_INFO, "the connection from %s was closed: %s",
                 session->visitor.address, why);
  doom(session);
}

static void on_tick(void *arg) {
  struct p2p_board_server *server = arg;
  uint64_t now_ms = p2p_clock_ms();
  bool is_time_to_ping = ++server->n_ticks % (P2P_BOARD_PING_MS / TICK_MS) == 0;
  server->is_busy = true;
  for (struct session *session = server->sessions; session != NULL; session = session->next) {
    if (session->channels != NULL) session->busy_ms = now_ms;
    if (session->stage != STAGE_OPEN && now_ms - session->came_ms > P2P_BOARD_AUTH_MS)
      send_away(session, "it did not authenticate in time");
    else if (session->stage == STAGE_OPEN && now_ms - session->heard_ms > P2P_BOARD_SILENT_MS)
      send_away(session, "it does not answer");
    else if (session->stage == STAGE_OPEN && now_ms - session->busy_ms > P2P_BOARD_IDLE_MS)
      send_away(session, "it was idle");
    else if (is_time_to_ping)
      ping(session);
  }
  settle(server);
}

static bool is_full(const struct p2p_board_server *server) {
  size_t n_strangers = 0;
  for (struct session *session = server->sessions; session != NULL; session = session->next)
    if (session->stage != STAGE_OPEN) n_strangers++;
  return server->n_sessions >= P2P_BOARD_CONNECTIONS_MAX || n_strangers >= P2P_BOARD_STRANGERS_MAX;
}

static struct session *new_session(struct p2p_board_server *server) {
  struct session *session = calloc(1, sizeof *session);
  if (session == NULL) return NULL;
  session->server = server;
  session->came_ms = session->heard_ms = p2p_clock_ms();
  session->callbacks = (struct ssh_server_callbacks_struct){
      .userdata = session, .auth_pubkey_function = on_key, .channel_open_request_session_function = on_open};
  session->ssh = ssh_new();
  session->event = ssh_event_new();
  if (session->ssh != NULL && session->event != NULL) return session;
  free_session(session);
  return NULL;
}

static int start_session(struct session *session, int fd) {
  if (ssh_bind_accept_fd(session->server->bind, session->ssh, fd) != SSH_OK) {
    close(fd);
    return P2P_ERR_NETWORK;
  }
  ssh_set_blocking(session->ssh, 0);
  ssh_callbacks_init(&session->callbacks);
  ssh_set_server_callbacks(session->ssh, &session->callbacks);
  ssh_set_auth_methods(session->ssh, SSH_AUTH_METHOD_PUBLICKEY);
  session->watch = p2p_watch_new(session->server->board->loop, fd, on_ready, session);
  return session->watch == NULL ? P2P_ERR_MEMORY : P2P_OK;
}

static void on_accept(void *arg, struct p2p_tcp *tcp) {
  struct p2p_board_server *server = arg;
  char peer[sizeof ((struct p2p_visitor *)0)->address] = "?";
  struct session *session;
  (void)p2p_tcp_peer_name(tcp, peer, sizeof peer);
  if (is_full(server) || (session = new_session(server)) == NULL) {
    p2p_events_say(server->board->events, P2P_LEVEL_WARN, "a connection from %s was refused: too many are open", peer);
    p2p_tcp_free(tcp);
    return;
  }
  memcpy(session->visitor.address, peer, sizeof peer);
  int fd = p2p_tcp_take_fd(tcp);
  if (fd < 0 || start_session(session, fd) != P2P_OK) {
    free_session(session);
    return;
  }
  session->next = server->sessions;
  server->sessions = session;
  server->n_sessions++;
  on_ready(session, false, true);
}

/* --- the host key --- */

static int make_host_key(const char *path, ssh_key *key, struct p2p_err *err) {
  char *text = NULL;
  if (ssh_pki_generate(SSH_KEYTYPE_ED25519, 0, key) != SSH_OK ||
      ssh_pki_export_privkey_base64(*key, NULL, NULL, NULL, &text) != SSH_OK)
    return p2p_err_set(err, P2P_ERR_CRYPTO, "Cannot make a host key.");
  int code = p2p_host_key_file_write(path, text, err);
  p2p_wipe(text, strlen(text));
  ssh_string_free_char(text);
  return code;
}

static int load_host_key(const char *path, ssh_key *key, struct p2p_err *err) {
  char *text;
  int code = p2p_host_key_file_read(path, &text, err);
  if (code != P2P_OK) return code;
  if (text == NULL) return make_host_key(path, key, err);
  if (ssh_pki_import_privkey_base64(text, NULL, NULL, NULL, key) != SSH_OK)
    code = p2p_err_set(err, P2P_ERR_PARSE, "The host key file '%s' holds no private key in OpenSSH format without a passphrase.", path);
  p2p_wipe(text, strlen(text));
  free(text);
  return code;
}

static int describe_host_key(struct p2p_board_server *server, ssh_key key, struct p2p_err *err) {
  char *base64 = NULL, *fingerprint = key_fingerprint(key);
  const char *type = ssh_key_type_to_char(ssh_key_type(key));
  if (ssh_pki_export_pubkey_base64(key, &base64) == SSH_OK && fingerprint != NULL) {
    size_t size = strlen(type) + strlen(base64) + 2;
    server->host_key = malloc(size);
    server->fingerprint = strdup(fingerprint);
    if (server->host_key != NULL) snprintf(server->host_key, size, "%s %s", type, base64);
  }
  ssh_string_free_char(base64);
  ssh_string_free_char(fingerprint);
  if (server->host_key != NULL && server->fingerprint != NULL) return P2P_OK;
  return p2p_err_set(err, P2P_ERR_MEMORY, "Out of memory.");
}

static int set_host_key(struct p2p_board_server *server, const char *path, struct p2p_err *err) {
  ssh_key key = NULL;
  bool use_config_files = false;
  int code = load_host_key(path, &key, err);
  if (code == P2P_OK) code = describe_host_key(server, key, err);
  if (code == P2P_OK) {
    ssh_bind_options_set(server->bind, SSH_BIND_OPTIONS_PROCESS_CONFIG, &use_config_files);
    if (ssh_bind_options_set(server->bind, SSH_BIND_OPTIONS_IMPORT_KEY, key) == SSH_OK) return P2P_OK; /* it owns key now */
    code = p2p_err_set(err, P2P_ERR_CRYPTO, "The host key '%s' cannot be used.", path);
  }
  ssh_key_free(key);
  return code;
}

int p2p_board_server_new(struct p2p_board *board, const char *address, uint16_t port, const char *host_key,
                         struct p2p_board_server **out, struct p2p_err *err) {
  struct p2p_board_server *server = calloc(1, sizeof *server);
  int code = P2P_OK;
  if (server == NULL) return p2p_err_set(err, P2P_ERR_MEMORY, "Out of memory.");
  server->board = board;
  server->bind = ssh_bind_new();
  server->tick = p2p_timer_new(board->loop, on_tick, server);
  server->again = p2p_timer_new(board->loop, on_again, server);
  if (server->bind == NULL || server->tick == NULL || server->again == NULL)
    code = p2p_err_set(err, P2P_ERR_MEMORY, "Out of memory.");
  if (code == P2P_OK) code = set_host_key(server, host_key, err);
  if (code == P2P_OK) code = p2p_listener_new(board->loop, address, port, on_accept, server, &server->listener, err);
  if (code != P2P_OK) {
    p2p_board_server_free(server);
    return code;
  }
  p2p_timer_start(server->tick, TICK_MS, TICK_MS);
  *out = server;
  return P2P_OK;
}

void p2p_board_server_free(struct p2p_board_server *server) {
  if (server == NULL) return;
  p2p_listener_free(server->listener);
  server->is_busy = true; /* who leaves tells others, who need not be served any more */
  for (struct session *session = server->sessions; session != NULL; session = session->next) session->is_doomed = true;
  free_doomed(server);
  p2p_timer_free(server->tick);
  p2p_timer_free(server->again);
  ssh_bind_free(server->bind);
  free(server->host_key);
  free(server->fingerprint);
  free(server);
}

uint16_t p2p_board_server_port(const struct p2p_board_server *server) { return p2p_listener_port(server->listener); }
const char *p2p_board_server_host_key(const struct p2p_board_server *server) { return server->host_key; }
const char *p2p_board_server_fingerprint(const struct p2p_board_server *server) { return server->fingerprint; }
