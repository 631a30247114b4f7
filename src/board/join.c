/* One stay on a cluster's topic. The board refuses nothing aloud, so that every step proves something:
 * `user` that the key has an account, `ls` that the owner does not open the topic before its host does,
 * the echo of the hello that the round trip works, and `ls` again where we landed. */
#include "board/join.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "board/account.h"
#include "board/answer.h"
#include "board/landing.h"

#define EARLY_MAX (256 * 1024)
#define COMMAND_MAX 12288

enum join_state {
  JOIN_ACCOUNT,    /* another host is asked who we are (pico.sh for pipe.pico.sh) */
  JOIN_CONNECTING, /* to the board itself */
  JOIN_USER,       /* the board is asked who we are */
  JOIN_SERVICES,   /* and where its mailbox and relay are */
  JOIN_HOSTED,     /* the owner's `ls`: does a host hold the topic? */
  JOIN_OPENING,    /* `pipe` was asked for */
  JOIN_ECHO,       /* the hello was said, its echo is awaited */
  JOIN_LANDING,    /* `ls`: where are we? */
  JOIN_JOINED,
  JOIN_OVER        /* on_end was called */
};

struct p2p_join {
  struct p2p_join_request request;
  struct p2p_join_events events;
  void *arg;
  enum join_state state;
  char user[P2P_USER_MAX];
  struct p2p_cluster cluster;
  struct p2p_services services;
  struct p2p_account *account;
  struct p2p_ssh *ssh;
  struct p2p_answer *answer;
  struct p2p_ssh_command *pipe;
  struct p2p_timer *timer;
  char hello[P2P_LINE_MAX + 1];
  struct p2p_line_reader reader;
  struct p2p_buf early; /* lines that came before we knew where we are: shown after on_joined */
  int depth;            /* of our callbacks on the stack */
  bool freed;
};

static void enter(struct p2p_join *join, enum join_state state);

static void destroy(struct p2p_join *join) {
  p2p_account_free(join->account);
  p2p_answer_free(join->answer);
  p2p_ssh_command_free(join->pipe);
  p2p_ssh_free(join->ssh);
  p2p_timer_free(join->timer);
  p2p_buf_clear(&join->early);
  free(join);
}

/* Around every callback: the user may free us from within one of our events. */
static void begin(struct p2p_join *join) { join->depth++; }
static void finish(struct p2p_join *join) {
  if (--join->depth == 0 && join->freed) destroy(join);
}

static void end(struct p2p_join *join, const struct p2p_err *err) {
  if (join->state == JOIN_OVER || join->freed) return;
  join->state = JOIN_OVER;
  p2p_timer_stop(join->timer);
  join->events.on_end(join->arg, err);
}

static struct p2p_landing_case landing_case(const struct p2p_join *join) {
  return (struct p2p_landing_case){.cluster = &join->cluster,
                                   .user = join->user,
                                   .role = join->request.role,
                                   .access = join->request.access,
                                   .board = join->request.address->host};
}

/* ---- who we are ---- */

static void know_user(struct p2p_join *join, const char *user) {
  struct p2p_err err;
  snprintf(join->user, sizeof join->user, "%s", user);
  if (join->request.cluster != NULL) {
    join->cluster = *join->request.cluster;
  } else {
    snprintf(join->cluster.owner, sizeof join->cluster.owner, "%s", user);
    snprintf(join->cluster.name, sizeof join->cluster.name, "personal");
  }
  struct p2p_landing_case landing = landing_case(join);
  if (p2p_landing_check_owner(&landing, &err) != P2P_OK) {
    end(join, &err);
    return;
  }
  enter(join, join->state == JOIN_ACCOUNT ? JOIN_CONNECTING : JOIN_SERVICES);
}

static void on_account(void *arg, const char *user, const struct p2p_err *err) {
  struct p2p_join *join = arg;
  begin(join);
  p2p_account_free(join->account);
  join->account = NULL;
  if (err != NULL) end(join, err);
  else know_user(join, user);
  finish(join);
}

/* ---- what the board answers ---- */

static void hear_user(struct p2p_join *join, const char *text, size_t length) {
  char user[P2P_USER_MAX];
  struct p2p_err err;
  if (p2p_account_parse(text, length, join->request.address->host, user, &err) != P2P_OK) end(join, &err);
  else know_user(join, user);
}

static void hear_services(struct p2p_join *join, const char *text, size_t length) {
  struct p2p_landing_case landing = landing_case(join);
  p2p_services_parse(text, length, p2p_ssh_host(join->ssh), &join->services);
  enter(join, p2p_landing_needs_host(&landing) ? JOIN_HOSTED : JOIN_OPENING);
}

static void hear_hosted(struct p2p_join *join, const char *text, size_t length) {
  struct p2p_landing_case landing = landing_case(join);
  struct p2p_err err;
  if (p2p_landing_check_hosted(&landing, text, length, &err) != P2P_OK) end(join, &err);
  else enter(join, JOIN_OPENING);
}

static void on_line(void *arg, const struct p2p_line *line);

static void hear_landing(struct p2p_join *join, const char *text, size_t length) {
  struct p2p_landing_case landing = landing_case(join);
  struct p2p_err err;
  if (p2p_landing_check(&landing, text, length, &err) != P2P_OK) {
    end(join, &err);
    return;
  }
  join->state = JOIN_JOINED;
  p2p_timer_stop(join->timer);
  join->events.on_joined(join->arg);
  struct p2p_line_reader reader;
  p2p_line_reader_init(&reader);
  size_t early = p2p_buf_len(&join->early);
  if (early > 0) p2p_line_reader_feed(&reader, (const char *)p2p_buf_data(&join->early), early, on_line, join);
  p2p_buf_clear(&join->early);
}

static void hear(struct p2p_join *join, const char *text, size_t length) {
  struct p2p_err err;
  if (text == NULL) {
    p2p_err_set(&err, P2P_ERR_TOO_LARGE, "'%s' says far too much. Is it a message board?", join->request.address->host);
    end(join, &err);
    return;
  }
  switch (join->state) {
    case JOIN_USER: hear_user(join, text, length); break;
    case JOIN_SERVICES: hear_services(join, text, length); break;
    case JOIN_HOSTED: hear_hosted(join, text, length); break;
    default: hear_landing(join, text, length);
  }
}

static void on_answer(void *arg, const char *text, size_t length) {
  struct p2p_join *join = arg;
  struct p2p_answer *answer = join->answer; /* the text is in it, and the next question takes its place */
  begin(join);
  join->answer = NULL;
  hear(join, text, length);
  p2p_answer_free(answer);
  finish(join);
}

/* ---- the topic ---- */

static void on_line(void *arg, const struct p2p_line *line) {
  struct p2p_join *join = arg;
  char text[P2P_LINE_MAX + 1];
  if (join->freed || join->state == JOIN_OVER) return;
  if (join->state == JOIN_JOINED) {
    join->events.on_line(join->arg, line);
    return;
  }
  long length = p2p_line_format(line, text, sizeof text);
  if (length < 0) return;
  if (join->state == JOIN_ECHO && strcmp(text, join->hello) == 0) enter(join, JOIN_LANDING);
  /* Beyond its cap what comes is lost, as it would be to one who comes a moment later. */
  else if (p2p_buf_put(&join->early, text, (size_t)length) != P2P_OK) return;
}

static void on_pipe_start(void *arg) {
  struct p2p_join *join = arg;
  struct p2p_line hello;
  struct p2p_err err;
  begin(join);
  p2p_line_init(&hello);
  join->events.on_hello(join->arg, &hello);
  long length = join->freed ? -1 : p2p_line_format(&hello, join->hello, sizeof join->hello);
  if (length > 0 && p2p_ssh_command_write(join->pipe, join->hello, (size_t)length) == P2P_OK) {
    join->state = JOIN_ECHO;
  } else if (!join->freed) {
    p2p_err_set(&err, P2P_ERR_INVALID, "The hello to the cluster cannot be said.");
    end(join, &err);
  }
  finish(join);
}

static void on_pipe_output(void *arg, const char *bytes, size_t length) {
  struct p2p_join *join = arg;
  uint64_t dropped = join->reader.dropped;
  begin(join);
  p2p_line_reader_feed(&join->reader, bytes, length, on_line, join);
  if (join->reader.dropped > dropped && !join->freed && join->state != JOIN_OVER) join->events.on_dropped(join->arg);
  finish(join);
}

static void on_pipe_end(void *arg, int exit_status) {
  struct p2p_join *join = arg;
  struct p2p_err err;
  begin(join);
  p2p_err_set(&err, P2P_ERR_CLOSED, "'%s' ended our stay on the cluster '%s/%s' (status %d).", join->request.address->host,
              join->cluster.owner, join->cluster.name, exit_status);
  end(join, &err);
  finish(join);
}

static int open_topic(struct p2p_join *join, struct p2p_err *err) {
  static const struct p2p_ssh_command_events events = {on_pipe_start, on_pipe_output, on_pipe_end};
  char topic[P2P_CLUSTER_MAX + 32], command[COMMAND_MAX];
  int code = p2p_topic_typed(&join->cluster, join->user, topic, sizeof topic);
  bool is_host = join->request.role == P2P_ROLE_HOST;
  int length = is_host ? snprintf(command, sizeof command, "pipe %s -r -a %s,%s", topic, join->user, join->request.access)
                       : snprintf(command, sizeof command, "pipe %s -r", topic);
  if (is_host && join->request.access[0] == '\0' && length > 0) command[--length] = '\0';
  if (code != P2P_OK || length < 0 || (size_t)length >= sizeof command) {
    return p2p_err_set(err, P2P_ERR_TOO_LARGE, "The list of users is too long for the board.");
  }
  return p2p_ssh_run(join->ssh, command, &events, join, &join->pipe, err);
}

/* ---- the way there ---- */

static void on_ready(void *arg) {
  struct p2p_join *join = arg;
  begin(join);
  enter(join, join->user[0] == '\0' ? JOIN_USER : JOIN_SERVICES);
  finish(join);
}

static void on_close(void *arg, const struct p2p_err *err) {
  struct p2p_join *join = arg;
  begin(join);
  end(join, err);
  finish(join);
}

static void on_timeout(void *arg) {
  struct p2p_join *join = arg;
  static const char *const awaited[] = {
      [JOIN_ACCOUNT] = "who you are",       [JOIN_CONNECTING] = "the SSH login", [JOIN_USER] = "'user'",
      [JOIN_SERVICES] = "'services'",       [JOIN_HOSTED] = "'ls'",              [JOIN_OPENING] = "'pipe'",
      [JOIN_ECHO] = "the echo of the hello", [JOIN_LANDING] = "'ls'"};
  struct p2p_err err;
  begin(join);
  p2p_err_set(&err, P2P_ERR_TIMEOUT,
              "'%s' did not answer within %.1f s (awaited: %s). Is it a message board, and is the network up?",
              join->request.address->host, join->request.timeout_ms / 1000.0, awaited[join->state]);
  end(join, &err);
  finish(join);
}

static int ask(struct p2p_join *join, const char *command, struct p2p_err *err) {
  return p2p_answer_ask(join->ssh, command, on_answer, join, &join->answer, err);
}

static int start(struct p2p_join *join, enum join_state state, struct p2p_err *err) {
  static const struct p2p_ssh_events ssh_events = {on_ready, on_close};
  const struct p2p_join_request *request = &join->request;
  switch (state) {
    case JOIN_ACCOUNT:
      return p2p_account_ask_at(request->loop, request->address, request->timeout_ms, on_account, join, &join->account, err);
    case JOIN_CONNECTING:
      return p2p_ssh_connect(request->loop, request->address, request->timeout_ms, &ssh_events, join, &join->ssh, err);
    case JOIN_USER: return ask(join, "user", err);
    case JOIN_SERVICES: return ask(join, "services", err);
    case JOIN_HOSTED:
    case JOIN_LANDING: return ask(join, "ls", err);
    case JOIN_OPENING: return open_topic(join, err);
    default: return P2P_OK;
  }
}

static void enter(struct p2p_join *join, enum join_state state) {
  struct p2p_err err;
  join->state = state;
  if (start(join, state, &err) != P2P_OK) end(join, &err);
}

int p2p_join_new(const struct p2p_join_request *request, const struct p2p_join_events *events, void *arg,
                 struct p2p_join **out, struct p2p_err *err) {
  struct p2p_join *join = calloc(1, sizeof *join);
  if (join == NULL) return p2p_err_set(err, P2P_ERR_MEMORY, "Out of memory.");
  join->request = *request;
  join->events = *events;
  join->arg = arg;
  p2p_line_reader_init(&join->reader);
  p2p_buf_init(&join->early, EARLY_MAX);
  join->timer = p2p_timer_new(request->loop, on_timeout, join);
  char host[sizeof request->address->host];
  p2p_address_account_host(request->address, host, sizeof host);
  join->state = strcmp(host, request->address->host) == 0 ? JOIN_CONNECTING : JOIN_ACCOUNT;
  int code = join->timer == NULL ? p2p_err_set(err, P2P_ERR_MEMORY, "Out of memory.") : start(join, join->state, err);
  if (code != P2P_OK) {
    destroy(join);
    return code;
  }
  p2p_timer_start(join->timer, request->timeout_ms, 0);
  *out = join;
  return P2P_OK;
}

void p2p_join_free(struct p2p_join *join) {
  if (join == NULL) return;
  join->freed = true;
  if (join->depth == 0) destroy(join);
}

const char *p2p_join_user(const struct p2p_join *join) { return join->user; }
const struct p2p_cluster *p2p_join_cluster(const struct p2p_join *join) { return &join->cluster; }
const struct p2p_services *p2p_join_services(const struct p2p_join *join) { return &join->services; }
uint64_t p2p_join_dropped(const struct p2p_join *join) { return join->reader.dropped; }

int p2p_join_write(struct p2p_join *join, const char *bytes, size_t length) {
  return join->state == JOIN_JOINED ? p2p_ssh_command_write(join->pipe, bytes, length) : P2P_ERR_CLOSED;
}
