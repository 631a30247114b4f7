/* One SSH connection by libssh: connects through net/, has the handshake done off the io thread,
 * and then steps the channels whenever the socket is ready. libssh never blocks here; our user's
 * callbacks are called from step() alone, never from within libssh. */
#include "board/ssh_session.h"

#include <libssh/server.h>
#include <stdio.h>
#include <stdlib.h>

#include "board/ssh_channel.h"
#include "board/ssh_handshake.h"
#include "board/ssh_socket.h"
#include "net/connect.h"
#include "net/tcp.h"
#include "net/timer.h"
#include "net/watch.h"

#define SILENCE_MS 20000
#define ROUNDS_MAX 64 /* of one step, so that a flood from the board leaves time for the rest */

enum state {
  STATE_CONNECTING, /* net/ looks up the name and connects */
  STATE_HANDSHAKE,  /* key exchange, host key, login */
  STATE_READY,      /* commands can run */
  STATE_CLOSED      /* on_close was called, or the session was freed */
};

struct p2p_ssh_session {
  struct p2p_ssh_transport base;
  struct p2p_loop *loop;
  struct p2p_ssh_callbacks callbacks;
  void *arg;
  uint32_t timeout_ms;
  enum state state;
  char place[300]; /* "'host' (port 22)" */
  struct p2p_ssh_settings settings;
  struct p2p_tcp *tcp;                 /* in STATE_CONNECTING */
  struct p2p_ssh_handshake *handshake; /* in STATE_HANDSHAKE */
  struct p2p_timer *timer;             /* until STATE_READY: timeout_ms; then the silence */
  /* From STATE_READY on: */
  struct p2p_ssh_socket socket;
  struct p2p_watch *watch;
  ssh_event polls; /* reads and writes for the session */
  struct p2p_ssh_channels channels;
  struct ssh_counter_struct traffic;
  uint64_t timer_bytes; /* of the traffic, when the timer last fired */
  uint64_t step_bytes;  /* of the traffic, when the channels were last stepped */
  bool was_prompted;    /* silent since the last keepalive request */
  bool is_stepping, steps_again;
  struct p2p_post free_post;
};

/* The last callback. */
static void fail(struct p2p_ssh_session *ssh, const struct p2p_err *err) {
  ssh->state = STATE_CLOSED;
  ssh->channels.session = NULL;
  p2p_timer_stop(ssh->timer);
  p2p_watch_free(ssh->watch);
  ssh->watch = NULL;
  ssh->callbacks.on_close(ssh->arg, err);
}

/* ---- ready: commands run ---- */

/* While libssh works on one channel it may read bytes of another, and then the socket no longer
 * shows that they arrived. */
static bool has_unseen_bytes(const struct p2p_ssh_session *ssh) {
  return ssh->traffic.in_bytes != ssh->step_bytes;
}

/* 1: step again; 0: wait for the socket; or P2P_ERR_CLOSED. */
static int step_once(struct p2p_ssh_session *ssh, struct p2p_err *err) {
  ssh->step_bytes = ssh->traffic.in_bytes;
  bool moved = ssh_event_dopoll(ssh->polls, 0) == SSH_OK;
  if (p2p_ssh_channels_step(&ssh->channels) || moved || has_unseen_bytes(ssh)) return 1;
  /* Only now: the output that arrived before the end has been delivered. */
  if ((ssh_get_status(ssh->socket.session) & (SSH_CLOSED | SSH_CLOSED_ERROR)) == 0) return 0;
  char text[200];
  p2p_ssh_socket_error(ssh->socket.session, text, sizeof text);
  return p2p_err_set(err, P2P_ERR_CLOSED, "the message board %s closed the connection%s%s",
                     ssh->place, text[0] == '\0' ? "" : ": ", text);
}

static void step(struct p2p_ssh_session *ssh) {
  struct p2p_err err;
  int rounds = 0, code = 0;
  ssh->is_stepping = true;
  while (ssh->state == STATE_READY && rounds++ < ROUNDS_MAX) {
    ssh->steps_again = false;
    code = step_once(ssh, &err);
    if (code < 0) fail(ssh, &err);
    if (code <= 0 && !ssh->steps_again) break;
  }
  ssh->is_stepping = false;
  if (ssh->state != STATE_READY) return;
  bool writes = (ssh_get_poll_flags(ssh->socket.session) & SSH_WRITE_PENDING) != 0;
  bool again = rounds > ROUNDS_MAX || has_unseen_bytes(ssh);
  if (p2p_watch_set(ssh->watch, true, writes || again) == P2P_OK) return;
  p2p_err_set(&err, P2P_ERR_CLOSED, "the socket to %s cannot be watched", ssh->place);
  fail(ssh, &err);
}

static void on_socket(void *arg, bool readable, bool writable) {
  (void)readable;
  (void)writable;
  step(arg);
}

/* The socket is nearly always writable: the next step runs soon, and not within this call. If the
 * socket cannot be watched, check_silence() ends the connection. */
static void on_activity(void *arg) {
  struct p2p_ssh_session *ssh = arg;
  ssh->steps_again = true;
  if (!ssh->is_stepping && ssh->watch != NULL) (void)p2p_watch_set(ssh->watch, true, true);
}

/* After sleep, or behind a router that lost its state, TCP may report nothing for hours. The
 * silence is counted in timer events and not by the clock, so that time in which this process was
 * stopped does not count. */
static void check_silence(struct p2p_ssh_session *ssh) {
  struct p2p_err err;
  bool is_silent = ssh->traffic.in_bytes == ssh->timer_bytes;
  ssh->timer_bytes = ssh->traffic.in_bytes;
  if (!is_silent) {
    ssh->was_prompted = false;
  } else if (!ssh->was_prompted) {
    ssh->was_prompted = true;
    /* libssh takes the reply to the last request in the first call, and sends the next request in
     * the second. A connection that broke shows in the next step. */
    (void)ssh_send_keepalive(ssh->socket.session);
    (void)ssh_send_keepalive(ssh->socket.session);
    on_activity(ssh);
  } else {
    p2p_err_set(&err, P2P_ERR_TIMEOUT, "the message board %s stopped responding", ssh->place);
    fail(ssh, &err);
  }
}

static void set_silence(struct p2p_ssh_transport *base, uint32_t silent_ms) {
  p2p_timer_start(((struct p2p_ssh_session *)base)->timer, silent_ms / 2, silent_ms / 2);
}

static int begin_ready(struct p2p_ssh_session *ssh, struct p2p_err *err) {
  ssh->watch = p2p_watch_new(ssh->loop, ssh->socket.fd, on_socket, ssh);
  ssh->polls = ssh_event_new();
  if (ssh->watch == NULL || ssh->polls == NULL ||
      ssh_event_add_session(ssh->polls, ssh->socket.session) != SSH_OK)
    return p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
  ssh_set_counters(ssh->socket.session, &ssh->traffic, NULL);
  ssh->channels.session = ssh->socket.session;
  ssh->state = STATE_READY;
  set_silence(&ssh->base, SILENCE_MS);
  return P2P_OK;
}

/* ---- connecting ---- */

static void on_handshake_end(void *arg, const struct p2p_err *failure) {
  struct p2p_ssh_session *ssh = arg;
  struct p2p_err err = {0};
  if (failure == NULL)
    p2p_ssh_handshake_take(ssh->handshake, &ssh->socket);
  else
    err = *failure;
  p2p_ssh_handshake_free(ssh->handshake);
  ssh->handshake = NULL;
  if (failure != NULL || begin_ready(ssh, &err) != P2P_OK) {
    fail(ssh, &err);
    return;
  }
  ssh->callbacks.on_ready(ssh->arg);
  step(ssh);
}

static int begin_handshake(struct p2p_ssh_session *ssh, struct p2p_err *err) {
  int fd = p2p_tcp_take_fd(ssh->tcp);
  if (fd < 0) return p2p_err_set(err, fd, "the socket to %s cannot be used", ssh->place);
  ssh->tcp = NULL;
  ssh->state = STATE_HANDSHAKE;
  const struct p2p_ssh_handshake_request request = {.loop = ssh->loop,
                                                    .fd = fd,
                                                    .settings = &ssh->settings,
                                                    .on_end = on_handshake_end,
                                                    .arg = ssh};
  return p2p_ssh_handshake_start(&request, &ssh->handshake, err);
}

static void on_connect(void *arg) {
  struct p2p_ssh_session *ssh = arg;
  struct p2p_err err;
  if (begin_handshake(ssh, &err) != P2P_OK) fail(ssh, &err);
}

static void on_connect_data(void *arg, const uint8_t *bytes, size_t length) {
  (void)arg;
  (void)bytes;
  (void)length;
}

static void on_connect_close(void *arg, const struct p2p_err *failure) {
  struct p2p_ssh_session *ssh = arg;
  struct p2p_err err = *failure;
  p2p_tcp_free(ssh->tcp);
  ssh->tcp = NULL;
  p2p_err_prefix(&err, "the message board cannot be reached");
  if (err.reason == NULL) p2p_err_because(&err, "board_unreachable", err.code);
  fail(ssh, &err);
}

static void on_timeout(void *arg) {
  struct p2p_ssh_session *ssh = arg;
  struct p2p_err err;
  if (ssh->state == STATE_READY) {
    check_silence(ssh);
    return;
  }
  if (ssh->handshake != NULL)
    p2p_ssh_handshake_set_timeout(ssh->handshake, ssh->timeout_ms, &err);
  else
    p2p_err_because(&err, "no_answer",
                    p2p_err_set(&err, P2P_ERR_TIMEOUT, "no connection to %s within %.1f s",
                                ssh->place, ssh->timeout_ms / 1000.0));
  p2p_ssh_handshake_free(ssh->handshake);
  ssh->handshake = NULL;
  p2p_tcp_free(ssh->tcp);
  ssh->tcp = NULL;
  fail(ssh, &err);
}

/* ---- the transport ---- */

static void session_free(struct p2p_ssh_transport *base) {
  struct p2p_ssh_session *ssh = (struct p2p_ssh_session *)base;
  ssh->state = STATE_CLOSED;
  p2p_timer_free(ssh->timer);
  p2p_tcp_free(ssh->tcp);
  p2p_ssh_handshake_free(ssh->handshake);
  p2p_watch_free(ssh->watch);
  p2p_ssh_channels_clear(&ssh->channels);
  if (ssh->polls != NULL) ssh_event_free(ssh->polls);
  p2p_ssh_socket_close(&ssh->socket);
  p2p_ssh_settings_clear(&ssh->settings);
  ssh->free_post = (struct p2p_post){.fn = free, .arg = ssh};
  p2p_loop_defer(ssh->loop, &ssh->free_post);
}

static int session_run(struct p2p_ssh_transport *base, const char *command,
                       const struct p2p_ssh_command_callbacks *callbacks, void *arg,
                       struct p2p_ssh_command **out, struct p2p_err *err) {
  struct p2p_ssh_session *ssh = (struct p2p_ssh_session *)base;
  return p2p_ssh_channel_run(&ssh->channels, command, callbacks, arg, out, err);
}

static int begin_connect(struct p2p_ssh_session *ssh, struct p2p_err *err) {
  static const struct p2p_tcp_callbacks callbacks = {
      .on_connect = on_connect, .on_data = on_connect_data, .on_close = on_connect_close};
  ssh->timer = p2p_timer_new(ssh->loop, on_timeout, ssh);
  if (ssh->timer == NULL) return p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
  /* A little less, so that the error of net/, which names a proxy, is reported instead of ours. */
  uint32_t connect_ms = ssh->timeout_ms - ssh->timeout_ms / 8;
  int code = p2p_tcp_connect(&(struct p2p_connect_request){ssh->loop, ssh->settings.host,
                                                           ssh->settings.port, connect_ms,
                                                           .use_proxy = true},
                             &callbacks, ssh, &ssh->tcp, err);
  if (code == P2P_OK) p2p_timer_start(ssh->timer, ssh->timeout_ms, 0);
  return code;
}

int p2p_ssh_session_connect(const struct p2p_ssh_request *request,
                            struct p2p_ssh_settings *settings,
                            const struct p2p_ssh_callbacks *callbacks, void *arg,
                            struct p2p_ssh_transport **out, struct p2p_err *err) {
  static const struct p2p_ssh_operations operations = {.free = session_free,
                                                       .set_silence = set_silence,
                                                       .run = session_run,
                                                       .write = p2p_ssh_channel_write,
                                                       .free_command = p2p_ssh_channel_free};
  struct p2p_ssh_session *ssh = calloc(1, sizeof *ssh);
  if (ssh == NULL) return p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
  ssh->base.operations = &operations;
  ssh->loop = request->loop;
  ssh->callbacks = *callbacks;
  ssh->arg = arg;
  ssh->timeout_ms = request->timeout_ms;
  ssh->channels.loop = request->loop;
  ssh->channels.operations = &operations;
  ssh->channels.on_activity = on_activity;
  ssh->channels.arg = ssh;
  p2p_ssh_socket_init(&ssh->socket, NULL);
  snprintf(ssh->place, sizeof ssh->place, "'%s' (port %u)", settings->host,
           (unsigned)settings->port);
  ssh->settings = *settings;
  p2p_ssh_settings_init(settings);
  int code = begin_connect(ssh, err);
  if (code == P2P_OK)
    *out = &ssh->base;
  else
    session_free(&ssh->base);
  return code;
}
