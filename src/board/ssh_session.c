/* One SSH connection over libssh on the io thread: reads ssh_config, connects through net/, steps
 * the handshake and then feeds the channels from the readiness of the socket. libssh is
 * non-blocking throughout; user callbacks are called from step() alone, never from within libssh.
 */

#include <fcntl.h>
#include <libssh/server.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/sanitize.h"
#include "board/ssh_config.h"
#include "board/ssh_private.h"

#define SILENT_MS 20000
#define ROUNDS_MAX \
  64 /* of one step, so that a board that floods us leaves time for the rest of the loop */

/* Whether libssh has closed its descriptor cannot be asked of it, and its number may be another
 * file's by now: it is closed here only if it is still the socket that ours is. */
static void close_socket(struct p2p_ssh_session *ssh) {
  struct stat ours, theirs;
  if (ssh->fd < 0) return;
  if (fstat(ssh->fd, &ours) == 0 && fstat(ssh->libssh_fd, &theirs) == 0 &&
      ours.st_dev == theirs.st_dev && ours.st_ino == theirs.st_ino) {
    close(ssh->libssh_fd);
  }
  close(ssh->fd);
}

static void destroy(struct p2p_ssh_session *ssh) {
  p2p_timer_free(ssh->timer);
  p2p_tcp_free(ssh->tcp);
  p2p_watch_free(ssh->watch);
  p2p_ssh_commands_sweep(ssh, true);
  p2p_ssh_login_clear(&ssh->login);
  if (ssh->polls != NULL) ssh_event_free(ssh->polls);
  if (ssh->session != NULL) {
    ssh_disconnect(ssh->session);
    ssh_free(ssh->session);
  }
  close_socket(ssh);
  free(ssh);
}

/* The last event. Nothing of `ssh` may be used after it: the user may have freed it. */
static void fail(struct p2p_ssh_session *ssh, const struct p2p_err *err) {
  ssh->state = P2P_SSH_CLOSED;
  p2p_timer_stop(ssh->timer);
  p2p_watch_free(ssh->watch);
  ssh->watch = NULL;
  if (!ssh->freed) ssh->callbacks.on_close(ssh->arg, err);
}

/* Nobody forwards anything to us: whatever the server asks for (channels, global requests such as
 * ping@pico.sh) is refused, or ignored where it wants no reply. Without this libssh queues it for
 * ever. */
static int refuse(ssh_session session, ssh_message message, void *arg) {
  (void)session;
  (void)message;
  (void)arg;
  return 1;
}

/* ssh_get_disconnect_message would tell the server's words, but only when it was not the server who
 * ended it. */
void p2p_ssh_last_words(struct p2p_ssh_session *ssh, char *out, size_t size) {
  static const char goodbye[] = "Received SSH_MSG_DISCONNECT: ";
  const char *said = ssh_get_error(ssh->session);
  if (strncmp(said, goodbye, sizeof goodbye - 1) == 0) {
    said += sizeof goodbye - 1;
    said += strspn(said, "0123456789:"); /* the reason as a number */
  }
  snprintf(out, size, "%s", said);
  p2p_sanitize_text(out);
}

static int step_handshake(struct p2p_ssh_session *ssh, struct p2p_err *err) {
  int rc = ssh_connect(ssh->session);
  if (rc == SSH_AGAIN) return P2P_SSH_WAIT;
  if (rc != SSH_OK) {
    char said[200];
    p2p_ssh_last_words(ssh, said, sizeof said);
    return p2p_err_set(err, P2P_ERR_NETWORK,
                       "The SSH handshake with '%s' (port %u) failed: %s. Is this the port of a "
                       "message board, and has it room?",
                       ssh->host, ssh->port, said);
  }
  int code = p2p_ssh_check_host_key(ssh, err);
  if (code != P2P_OK) return code;
  ssh->state = P2P_SSH_LOGIN;
  return P2P_SSH_DONE;
}

static void set_silence(struct p2p_ssh *base, uint32_t silent_ms) {
  p2p_timer_start(((struct p2p_ssh_session *)base)->timer, silent_ms / 2, silent_ms / 2);
}

static int step_login(struct p2p_ssh_session *ssh, struct p2p_err *err) {
  int code = p2p_ssh_login_step(ssh, err);
  if (code != P2P_SSH_DONE) return code;
  p2p_ssh_login_clear(&ssh->login);
  ssh->polls = ssh_event_new();
  if (ssh->polls == NULL || ssh_event_add_session(ssh->polls, ssh->session) != SSH_OK) {
    return p2p_err_set(err, P2P_ERR_MEMORY, "Out of memory.");
  }
  ssh->state = P2P_SSH_READY;
  set_silence(&ssh->base, SILENT_MS);
  if (!ssh->freed) ssh->callbacks.on_ready(ssh->arg);
  return P2P_SSH_DONE;
}

/* Whatever libssh does on one channel it may read what is for another, and then the socket no
 * longer shows that something came. */
static bool has_unseen(const struct p2p_ssh_session *ssh) {
  return ssh->traffic.in_bytes != ssh->seen_bytes;
}

static int step_ready(struct p2p_ssh_session *ssh, struct p2p_err *err) {
  ssh->seen_bytes = ssh->traffic.in_bytes;
  bool moved = ssh_event_dopoll(ssh->polls, 0) == SSH_OK;
  if (p2p_ssh_commands_step(ssh) == P2P_SSH_DONE || moved || has_unseen(ssh)) return P2P_SSH_DONE;
  /* Only now: what came before the end has been handed over. */
  if ((ssh_get_status(ssh->session) & (SSH_CLOSED | SSH_CLOSED_ERROR)) == 0) return P2P_SSH_WAIT;
  char said[200];
  p2p_ssh_last_words(ssh, said, sizeof said);
  return p2p_err_set(err, P2P_ERR_CLOSED,
                     "The message board '%s' (port %u) closed the connection%s%s.", ssh->host,
                     ssh->port, said[0] == '\0' ? "" : ": ", said);
}

static int step_once(struct p2p_ssh_session *ssh, struct p2p_err *err) {
  switch (ssh->state) {
  case P2P_SSH_HANDSHAKE: return step_handshake(ssh, err);
  case P2P_SSH_LOGIN: return step_login(ssh, err);
  case P2P_SSH_READY: return step_ready(ssh, err);
  default: return P2P_SSH_WAIT;
  }
}

static void step(struct p2p_ssh_session *ssh) {
  struct p2p_err err;
  int rounds = 0, code;
  ssh->stepping = true;
  do {
    ssh->again = false;
    code = step_once(ssh, &err);
    if (code < 0) fail(ssh, &err);
  } while ((code == P2P_SSH_DONE || ssh->again) && ssh->state != P2P_SSH_CLOSED && !ssh->freed &&
           ++rounds < ROUNDS_MAX);
  ssh->stepping = false;

  if (ssh->freed) {
    destroy(ssh);
    return;
  }
  p2p_ssh_commands_sweep(ssh, false);
  if (ssh->watch == NULL) return;
  bool writes = (ssh_get_poll_flags(ssh->session) & SSH_WRITE_PENDING) != 0;
  bool looks_again = rounds == ROUNDS_MAX ||
                     (ssh->state == P2P_SSH_READY && has_unseen(ssh)); /* the sweep writes, too */
  (void)p2p_watch_set(ssh->watch, true, writes || looks_again);
}

static void on_socket(void *arg, bool readable, bool writable) {
  (void)readable;
  (void)writable;
  step(arg);
}

void p2p_ssh_kick(struct p2p_ssh_session *ssh) {
  ssh->again = true;
  if (!ssh->stepping && ssh->watch != NULL) (void)p2p_watch_set(ssh->watch, true, true);
}

/* A laptop that slept, a router that forgot: TCP may not tell for hours. Silence is counted in
 * pulses and not by the clock, so that time in which this process itself was stopped does not
 * count. */
static void pulse(struct p2p_ssh_session *ssh) {
  struct p2p_err err;
  bool is_silent = ssh->traffic.in_bytes == ssh->heard_bytes;
  ssh->heard_bytes = ssh->traffic.in_bytes;
  if (!is_silent) {
    ssh->asked = false;
  } else if (!ssh->asked) {
    ssh->asked = true;
    /* libssh takes the answer to the last request in the first call, and sends the next one in the
     * second. */
    ssh_send_keepalive(ssh->session);
    ssh_send_keepalive(ssh->session);
    p2p_ssh_kick(ssh);
  } else {
    p2p_err_set(&err, P2P_ERR_TIMEOUT,
                "The message board '%s' (port %u) has fallen silent: the connection is given up.",
                ssh->host, ssh->port);
    fail(ssh, &err);
  }
}

static void on_timeout(void *arg) {
  struct p2p_ssh_session *ssh = arg;
  struct p2p_err err;
  if (ssh->state == P2P_SSH_READY) {
    pulse(ssh);
    return;
  }
  static const char *const doing[] = {[P2P_SSH_CONNECTING] = "connecting",
                                      [P2P_SSH_HANDSHAKE] = "the SSH handshake",
                                      [P2P_SSH_LOGIN] = "the login"};
  p2p_err_set(&err, P2P_ERR_TIMEOUT,
              "No answer from '%s' (port %u) during %s within %.1f s. Is this the right host and "
              "port, and is the "
              "network up?",
              ssh->host, ssh->port, doing[ssh->state], ssh->timeout_ms / 1000.0);
  p2p_tcp_free(ssh->tcp);
  ssh->tcp = NULL;
  fail(ssh, &err);
}

/* libssh gets a descriptor of its own: it closes it in the middle of a step, when the watch still
 * needs one. */
static int begin_handshake(struct p2p_ssh_session *ssh, struct p2p_err *err) {
  int fd = p2p_tcp_take_fd(ssh->tcp);
  if (fd < 0)
    return p2p_err_set(err, fd, "The socket to '%s' (port %u) cannot be used.", ssh->host,
                       ssh->port);
  ssh->tcp = NULL;
  ssh->fd = fd;
  ssh->libssh_fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
  ssh->watch = p2p_watch_new(ssh->loop, fd, on_socket, ssh);
  if (ssh->libssh_fd < 0 || ssh->watch == NULL ||
      ssh_options_set(ssh->session, SSH_OPTIONS_FD, &ssh->libssh_fd) != SSH_OK) {
    return p2p_err_set(err, P2P_ERR_SYSTEM, "Out of memory or of file descriptors.");
  }
  ssh_set_blocking(ssh->session, 0);
  ssh_set_message_callback(ssh->session, refuse, NULL);
  /* libssh also reads while it writes: what has come shows here alone, and not by the socket. */
  ssh_set_counters(ssh->session, &ssh->traffic, NULL);
  ssh->state = P2P_SSH_HANDSHAKE;
  return P2P_OK;
}

static void on_connect(void *arg) {
  struct p2p_ssh_session *ssh = arg;
  struct p2p_err err;
  if (begin_handshake(ssh, &err) != P2P_OK) {
    fail(ssh, &err);
  } else {
    step(ssh);
  }
}

static void on_connect_data(void *arg, const uint8_t *bytes, size_t length) {
  (void)arg;
  (void)bytes;
  (void)length;
}

static void on_connect_close(void *arg, const struct p2p_err *err) {
  struct p2p_ssh_session *ssh = arg;
  struct p2p_err ours = *err;
  p2p_tcp_free(ssh->tcp);
  ssh->tcp = NULL;
  p2p_err_prefix(
      &ours,
      "The message board cannot be reached (is it running, and are its name and port right?)");
  fail(ssh, &ours);
}

/* From the first HostName on, libssh compares the patterns after Host with that, and not with the
 * name as it was typed. */
static int apply_config(struct p2p_ssh_session *ssh, const char *config) {
  static const struct {
    const char *keyword;
    enum ssh_options_e option;
  } known[] = {{"Port", SSH_OPTIONS_PORT_STR},
               {"User", SSH_OPTIONS_USER},
               {"UserKnownHostsFile", SSH_OPTIONS_KNOWNHOSTS}};
  char value[1024];
  int bad = 0;
  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
    if (p2p_ssh_config_find(config, ssh->address.host, known[i].keyword, 0, value, sizeof value))
      bad |= ssh_options_set(ssh->session, known[i].option, value);
  return bad == 0 ? P2P_OK : P2P_ERR_INVALID;
}

/* What the caller gave explicitly wins over ssh_config. */
static int apply_address(struct p2p_ssh_session *ssh) {
  const struct p2p_address *address = &ssh->address;
  ssh_session session = ssh->session;
  int strict = 1, quiet = SSH_LOG_NOLOG, bad = 0;
  bool again = false;
  unsigned int port = address->port;
  if (port != 0) bad |= ssh_options_set(session, SSH_OPTIONS_PORT, &port);
  if (address->login[0] != '\0') bad |= ssh_options_set(session, SSH_OPTIONS_USER, address->login);
  if (address->known_hosts[0] != '\0')
    bad |= ssh_options_set(session, SSH_OPTIONS_KNOWNHOSTS, address->known_hosts);
  /* An unknown host key is never accepted silently, whatever ssh_config says. */
  bad |= ssh_options_set(session, SSH_OPTIONS_STRICTHOSTKEYCHECK, &strict);
  bad |= ssh_options_set(session, SSH_OPTIONS_LOG_VERBOSITY, &quiet);
  bad |= ssh_options_set(session, SSH_OPTIONS_PROCESS_CONFIG, &again);
  return bad == 0 ? P2P_OK : P2P_ERR_INVALID;
}

static bool has_proxy(ssh_session session) {
  char *proxy = NULL;
  bool has = ssh_options_get(session, SSH_OPTIONS_PROXYCOMMAND, &proxy) == SSH_OK && proxy != NULL;
  if (proxy != NULL) ssh_string_free_char(proxy);
  return has;
}

/* What libssh understands of ssh_config. `given`: -F. */
static bool parse_config(ssh_session session, const char *given) {
  if (strcmp(given, "none") == 0) return true;
  return ssh_options_parse_config(session, given[0] == '\0' ? NULL : given) == SSH_OK;
}

static int read_config(struct p2p_ssh_session *ssh, const char *config, struct p2p_err *err) {
  const char *name = ssh->address.host, *given = ssh->address.config;
  char *host = NULL;
  unsigned int port = 0;
  if (ssh_options_set(ssh->session, SSH_OPTIONS_HOST, name) != SSH_OK) {
    return p2p_err_set(err, P2P_ERR_INVALID, "Not a host name: '%.200s'.", name);
  }
  if (!parse_config(ssh->session, given)) {
    return p2p_err_set(
        err, P2P_ERR_INVALID, "Your %.200s cannot be read for the host '%.200s': %s.",
        given[0] == '\0' ? "~/.ssh/config" : given, name, ssh_get_error(ssh->session));
  }
  int code = apply_config(ssh, config);
  if (code == P2P_OK) code = apply_address(ssh);
  if (code == P2P_OK && ssh_options_get(ssh->session, SSH_OPTIONS_HOST, &host) != SSH_OK)
    code = P2P_ERR_MEMORY;
  if (code != P2P_OK)
    return p2p_err_set(err, code, "The settings of SSH for '%.200s' cannot be used.", name);
  snprintf(ssh->host, sizeof ssh->host, "%s", host);
  ssh_string_free_char(host);
  ssh_options_get_port(ssh->session, &port);
  ssh->port = port == 0 || port > UINT16_MAX ? 22 : (uint16_t)port;
  return P2P_OK;
}

/* *needs_program: there is something that libssh cannot do. */
static int prepare(struct p2p_ssh_session *ssh, bool *needs_program, struct p2p_err *err) {
  const char *given = ssh->address.config;
  char *text = p2p_ssh_config_read(given);
  if (text == NULL && given[0] != '\0' && strcmp(given, "none") != 0) {
    return p2p_err_set(err, P2P_ERR_INVALID,
                       "The file after -F in ssh_args cannot be read: '%.200s'.", given);
  }
  const char *config = text == NULL ? "" : text;
  int code = P2P_OK;
  *needs_program = p2p_ssh_config_needs_program(config, ssh->address.host);
  if (!*needs_program) {
    code = read_config(ssh, config, err);
    if (code == P2P_OK) code = p2p_ssh_login_prepare(ssh, config, err);
    *needs_program =
        code == P2P_OK && (has_proxy(ssh->session) || p2p_ssh_login_needs_program(ssh, config));
  }
  free(text);
  return code;
}

static void session_free(struct p2p_ssh *base) {
  struct p2p_ssh_session *ssh = (struct p2p_ssh_session *)base;
  ssh->freed = true;
  if (!ssh->stepping) destroy(ssh);
}

static const char *session_host(const struct p2p_ssh *base) {
  return ((const struct p2p_ssh_session *)base)->host;
}

static int begin_connect(struct p2p_ssh_session *ssh, struct p2p_err *err) {
  static const struct p2p_tcp_callbacks tcp_events = {
      .on_connect = on_connect, .on_data = on_connect_data, .on_close = on_connect_close};
  ssh->timer = p2p_timer_new(ssh->loop, on_timeout, ssh);
  if (ssh->timer == NULL) return p2p_err_set(err, P2P_ERR_MEMORY, "Out of memory.");
  /* Less than all of the time, so that its sentence, which tells of a proxy, comes before ours. */
  uint32_t connect_ms = ssh->timeout_ms - ssh->timeout_ms / 8;
  int code = p2p_tcp_connect_out(ssh->loop, ssh->host, ssh->port, connect_ms, &tcp_events, ssh,
                                 &ssh->tcp, err);
  if (code == P2P_OK) p2p_timer_start(ssh->timer, ssh->timeout_ms, 0);
  return code;
}

int p2p_ssh_session_connect(const struct p2p_ssh_request *request, struct p2p_ssh **out,
                            struct p2p_err *err) {
  static const struct p2p_ssh_transport transport = {session_free,
                                                     session_host,
                                                     set_silence,
                                                     p2p_ssh_session_run,
                                                     p2p_ssh_session_command_write,
                                                     p2p_ssh_session_command_free};
  struct p2p_ssh_session *ssh = calloc(1, sizeof *ssh);
  if (ssh == NULL) return p2p_err_set(err, P2P_ERR_MEMORY, "Out of memory.");
  ssh->base.transport = &transport;
  ssh->loop = request->loop;
  ssh->address = *request->address;
  ssh->callbacks = *request->callbacks;
  ssh->arg = request->arg;
  ssh->timeout_ms = request->timeout_ms;
  ssh->fd = ssh->libssh_fd = -1;
  ssh->session = ssh_new();
  bool needs_program = false;
  int code = ssh->session == NULL ? p2p_err_set(err, P2P_ERR_MEMORY, "Out of memory.")
                                  : prepare(ssh, &needs_program, err);
  if (code == P2P_OK && !needs_program) code = begin_connect(ssh, err);
  *out = code == P2P_OK && !needs_program ? &ssh->base : NULL;
  if (*out == NULL) destroy(ssh);
  return code;
}

void p2p_ssh_session_look_up(const char *name, const char *config, char *out, size_t size) {
  ssh_session session = ssh_new();
  char *host = NULL;
  bool is_known = session != NULL && ssh_options_set(session, SSH_OPTIONS_HOST, name) == SSH_OK &&
                  parse_config(session, config) &&
                  ssh_options_get(session, SSH_OPTIONS_HOST, &host) == SSH_OK;
  snprintf(out, size, "%s", is_known ? host : name);
  if (host != NULL) ssh_string_free_char(host);
  ssh_free(session);
}
