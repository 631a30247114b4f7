/* The SSH handshake. The io thread waits for the socket and starts the jobs. While a job runs, only
 * the job uses the session. */
#include "board/ssh_handshake.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "board/ssh_host_key.h"
#include "net/job.h"
#include "net/timer.h"
#include "net/watch.h"

enum phase {
  PHASE_KEYS,  /* key exchange; at its end the host key is checked */
  PHASE_LOGIN, /* tries one key after the other */
  PHASE_DONE   /* authenticated */
};

enum step { STEP_NEXT, STEP_WAIT }; /* or a negative P2P_ERR_* */

struct p2p_ssh_handshake {
  struct p2p_loop *loop;
  void (*on_end)(void *arg, const struct p2p_err *err);
  void *arg;
  struct p2p_watch *watch;
  struct p2p_timer *agent_timer;
  struct p2p_job *job;       /* NULL: none runs */
  bool is_login;             /* after the last job */
  bool is_waiting_for_agent; /* in the present job */
  char host[256];
  uint16_t port;
  char place[300]; /* "'host' (port 22)" */
  /* Used only by the job while one runs: */
  struct p2p_ssh_socket socket;
  struct p2p_ssh_login login;
  struct p2p_known_hosts *known;
  char known_hosts[P2P_KNOWN_HOSTS_FILE_MAX];
  enum phase phase;
  int code;
  struct p2p_err err;
};

/* on a thread of the pool */

static int step_keys(struct p2p_ssh_handshake *handshake) {
  ssh_session session = handshake->socket.session;
  int rc = ssh_connect(session);
  if (rc == SSH_AGAIN) return STEP_WAIT;
  if (rc != SSH_OK) {
    char text[200];
    p2p_ssh_socket_error(session, text, sizeof text);
    return p2p_err_because(&handshake->err, "not_a_board",
                           p2p_err_set(&handshake->err, P2P_ERR_NETWORK,
                                       "the SSH handshake with %s failed: %s", handshake->place,
                                       text));
  }
  const struct p2p_ssh_host host = {handshake->host, handshake->port, handshake->known,
                                    handshake->known_hosts};
  int code = p2p_ssh_host_key_check(session, &host, &handshake->err);
  if (code == P2P_OK) handshake->phase = PHASE_LOGIN;
  return code == P2P_OK ? STEP_NEXT : code;
}

static int step_login(struct p2p_ssh_handshake *handshake) {
  int code = p2p_ssh_login_step(&handshake->login, handshake->socket.session, handshake->place,
                                &handshake->err);
  if (code == P2P_SSH_LOGIN_DONE) handshake->phase = PHASE_DONE;
  return code < 0 ? code : code == P2P_SSH_LOGIN_WAIT ? STEP_WAIT : STEP_NEXT;
}

static bool needs_agent(const struct p2p_ssh_handshake *handshake) {
  return handshake->phase == PHASE_LOGIN && p2p_ssh_login_waits_for_agent(&handshake->login);
}

/* Returns before a step that waits for the agent, so that the io thread can start the timer. */
static void run_steps(void *data) {
  struct p2p_ssh_handshake *handshake = data;
  do {
    handshake->code = handshake->phase == PHASE_KEYS ? step_keys(handshake) : step_login(handshake);
  } while (handshake->code == STEP_NEXT && handshake->phase != PHASE_DONE &&
           !needs_agent(handshake));
}

/* on the io thread */

static void destroy(void *data) {
  struct p2p_ssh_handshake *handshake = data;
  p2p_watch_free(handshake->watch);
  p2p_timer_free(handshake->agent_timer);
  p2p_ssh_login_clear(&handshake->login);
  p2p_known_hosts_free(handshake->known);
  p2p_ssh_socket_close(&handshake->socket);
  free(handshake);
}

/* The last callback: the handshake is freed in it. */
static void end(struct p2p_ssh_handshake *handshake, const struct p2p_err *err) {
  p2p_watch_free(handshake->watch); /* the session may close the descriptor */
  handshake->watch = NULL;
  p2p_timer_stop(handshake->agent_timer);
  handshake->on_end(handshake->arg, err);
}

static void start_job(struct p2p_ssh_handshake *handshake);

static void on_steps(void *arg, void *data) {
  struct p2p_ssh_handshake *handshake = data;
  (void)arg;
  handshake->job = NULL;
  handshake->is_waiting_for_agent = false;
  handshake->is_login = handshake->phase != PHASE_KEYS;
  p2p_timer_stop(handshake->agent_timer);
  if (handshake->code < 0) {
    end(handshake, &handshake->err);
  } else if (handshake->phase == PHASE_DONE) {
    end(handshake, NULL);
  } else if (handshake->code == STEP_NEXT) {
    start_job(handshake);
  } else {
    bool writes = (ssh_get_poll_flags(handshake->socket.session) & SSH_WRITE_PENDING) != 0;
    if (p2p_watch_set(handshake->watch, true, writes) == P2P_OK) return;
    p2p_err_set(&handshake->err, P2P_ERR_SYSTEM, "the socket to %s cannot be watched",
                handshake->place);
    end(handshake, &handshake->err);
  }
}

static void start_job(struct p2p_ssh_handshake *handshake) {
  const struct p2p_job_config config = {.may_block = true,
                                        .work = run_steps,
                                        .done = on_steps,
                                        .release = destroy,
                                        .data = handshake};
  handshake->is_waiting_for_agent = needs_agent(handshake);
  int code = p2p_watch_set(handshake->watch, false, false);
  if (code == P2P_OK) code = p2p_job_start(handshake->loop, &config, &handshake->job);
  if (code == P2P_OK) {
    if (handshake->is_waiting_for_agent)
      p2p_timer_start(handshake->agent_timer, P2P_SSH_AGENT_TIMEOUT_MS, 0);
    return;
  }
  p2p_job_explain(code, &handshake->err);
  end(handshake, &handshake->err);
}

static void on_socket(void *arg, bool readable, bool writable) {
  (void)readable;
  (void)writable;
  start_job(arg);
}

void p2p_ssh_handshake_set_timeout(const struct p2p_ssh_handshake *handshake, uint32_t timeout_ms,
                                   struct p2p_err *err) {
  double seconds = timeout_ms / 1000.0;
  if (handshake->is_waiting_for_agent) {
    p2p_err_because(
        err, "agent_timeout",
        p2p_err_set(err, P2P_ERR_TIMEOUT,
                    "the SSH agent at '%s' (SSH_AUTH_SOCK) did not answer within %.1f s, while "
                    "logging in to %s",
                    handshake->login.agent.path, seconds, handshake->place));
    return;
  }
  p2p_err_because(err, "no_answer",
                  p2p_err_set(err, P2P_ERR_TIMEOUT, "no answer from %s during the %s within %.1f s",
                              handshake->place, handshake->is_login ? "login" : "SSH handshake",
                              seconds));
}

static void on_agent_timeout(void *arg) {
  struct p2p_ssh_handshake *handshake = arg;
  struct p2p_err err;
  p2p_ssh_handshake_set_timeout(handshake, P2P_SSH_AGENT_TIMEOUT_MS, &err);
  p2p_ssh_agent_interrupt(&handshake->login.agent);
  end(handshake, &err);
}

static struct p2p_ssh_handshake *create(const struct p2p_ssh_handshake_request *request) {
  const struct p2p_ssh_settings *settings = request->settings;
  struct p2p_ssh_handshake *handshake = calloc(1, sizeof *handshake);
  if (handshake == NULL) return NULL;
  handshake->loop = request->loop;
  handshake->on_end = request->on_end;
  handshake->arg = request->arg;
  handshake->port = settings->port;
  snprintf(handshake->host, sizeof handshake->host, "%s", settings->host);
  memcpy(handshake->known_hosts, settings->known_hosts, sizeof handshake->known_hosts);
  snprintf(handshake->place, sizeof handshake->place, "'%s' (port %u)", settings->host,
           (unsigned)settings->port);
  return handshake;
}

static void move_settings(struct p2p_ssh_settings *settings, struct p2p_ssh_handshake *handshake) {
  p2p_ssh_socket_init(&handshake->socket, settings->session);
  settings->session = NULL;
  handshake->login = settings->login;
  settings->login = (struct p2p_ssh_login){.agent.fd = -1};
  handshake->known = settings->known;
  settings->known = NULL;
}

int p2p_ssh_handshake_start(const struct p2p_ssh_handshake_request *request,
                            struct p2p_ssh_handshake **out, struct p2p_err *err) {
  struct p2p_ssh_handshake *handshake = create(request);
  if (handshake == NULL) {
    close(request->fd);
    return p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
  }
  move_settings(request->settings, handshake);
  int code = p2p_ssh_socket_open(&handshake->socket, request->fd, err);
  if (code == P2P_OK) {
    handshake->watch = p2p_watch_new(request->loop, request->fd, on_socket, handshake);
    handshake->agent_timer = p2p_timer_new(request->loop, on_agent_timeout, handshake);
    /* The first job starts when the socket is writable, which it is: not from within this call. */
    if (handshake->watch == NULL || handshake->agent_timer == NULL ||
        p2p_watch_set(handshake->watch, true, true) != P2P_OK)
      code = p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
  }
  if (code == P2P_OK)
    *out = handshake;
  else
    destroy(handshake);
  return code;
}

void p2p_ssh_handshake_take(struct p2p_ssh_handshake *handshake, struct p2p_ssh_socket *out) {
  *out = handshake->socket;
  p2p_ssh_socket_init(&handshake->socket, NULL);
}

void p2p_ssh_handshake_free(struct p2p_ssh_handshake *handshake) {
  if (handshake == NULL) return;
  if (handshake->job == NULL) {
    destroy(handshake);
    return;
  }
  p2p_watch_free(handshake->watch);
  p2p_timer_free(handshake->agent_timer);
  handshake->watch = NULL;
  handshake->agent_timer = NULL;
  p2p_job_cancel(handshake->job); /* destroys the handshake when it has ended */
  if (handshake->is_waiting_for_agent) p2p_ssh_agent_interrupt(&handshake->login.agent);
}
