/* One connection to a cluster's topic. The board refuses nothing explicitly, so that every step
 * checks something: `user` that the key has an account, `ls` that a host has opened the owner's
 * topic, the echo of the hello that the topic works, and `ls` again that it is the cluster's. */
#include "board/connection.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "board/access_check.h"
#include "board/command_output.h"
#include "board/unknown_users.h"
#include "board/whoami.h"
#include "net/timer.h"

#define EARLY_MAX (256 * 1024)
#define COMMAND_MAX 12288

enum state {
  STATE_WHOAMI,     /* `user` was requested from another host (that of the public board) */
  STATE_CONNECTING, /* to the board itself */
  STATE_USER,       /* `user` was requested */
  STATE_SERVICES,   /* `services` was requested: the mailbox and the relay */
  STATE_NAMES,      /* `users` was requested by a host: do they have accounts? */
  STATE_HOSTED,     /* `ls` was requested before an owner opens the topic: does a host hold it? */
  STATE_OPENING,    /* `pipe` was requested */
  STATE_ECHO,       /* the hello was sent; waits for its echo */
  STATE_ACCESS,     /* `ls` was requested: is the topic the cluster's? */
  STATE_JOINED,
  STATE_ENDED /* on_end was called, or the connection was freed */
};

struct p2p_connection {
  struct p2p_connection_request request;
  struct p2p_connection_callbacks callbacks;
  void *arg;
  enum state state;
  char user[P2P_USER_MAX];
  struct p2p_cluster cluster;
  struct p2p_services services;
  char hosted[P2P_HOSTED_MAX];
  struct p2p_whoami *whoami;
  struct p2p_ssh *ssh;
  struct p2p_command_output *output;
  struct p2p_ssh_command *pipe;
  struct p2p_timer *timer;
  char *unknown_users; /* owned; NULL: none, or the board did not tell */
  char hello[P2P_LINE_MAX + 1];
  struct p2p_line_reader reader;
  struct p2p_buf early; /* lines that arrived before on_joined: delivered after it */
  struct p2p_post free_post;
};

static void enter(struct p2p_connection *connection, enum state state);

static void free_memory(void *arg) {
  struct p2p_connection *connection = arg;
  p2p_buf_clear(&connection->early);
  free(connection->unknown_users);
  free(connection);
}

static void end(struct p2p_connection *connection, const struct p2p_err *err) {
  if (connection->state == STATE_ENDED) return;
  connection->state = STATE_ENDED;
  p2p_timer_stop(connection->timer);
  connection->callbacks.on_end(connection->arg, err);
}

static struct p2p_access_check access_check(const struct p2p_connection *connection) {
  return (struct p2p_access_check){.cluster = &connection->cluster,
                                   .user = connection->user,
                                   .role = connection->request.role,
                                   .access = connection->request.access,
                                   .board = connection->request.address->host};
}

/* ---- the user ---- */

static void set_user(struct p2p_connection *connection, const char *user) {
  struct p2p_err err;
  snprintf(connection->user, sizeof connection->user, "%s", user);
  if (connection->request.cluster != NULL) {
    connection->cluster = *connection->request.cluster;
  } else {
    snprintf(connection->cluster.owner, sizeof connection->cluster.owner, "%s", user);
    snprintf(connection->cluster.name, sizeof connection->cluster.name, "personal");
  }
  struct p2p_access_check check = access_check(connection);
  if (p2p_access_check_role(&check, &err) != P2P_OK) {
    end(connection, &err);
    return;
  }
  enter(connection, connection->state == STATE_WHOAMI ? STATE_CONNECTING : STATE_SERVICES);
}

static void on_whoami(void *arg, const char *user, const struct p2p_err *err) {
  struct p2p_connection *connection = arg;
  p2p_whoami_free(connection->whoami);
  connection->whoami = NULL;
  if (err != NULL)
    end(connection, err);
  else
    set_user(connection, user);
}

/* ---- the output of short commands ---- */

static void on_user_output(struct p2p_connection *connection, const char *text, size_t length) {
  char user[P2P_USER_MAX];
  struct p2p_err err;
  if (p2p_whoami_parse(text, length, connection->request.address->host, user, &err) != P2P_OK)
    end(connection, &err);
  else
    set_user(connection, user);
}

static void on_services_output(struct p2p_connection *connection, const char *text, size_t length) {
  struct p2p_access_check check = access_check(connection);
  p2p_services_parse(text, length, p2p_ssh_host(connection->ssh), &connection->services);
  if (connection->request.role == P2P_ROLE_HOST && connection->request.access[0] != '\0')
    enter(connection, STATE_NAMES);
  else
    enter(connection, p2p_access_check_needs_host(&check) ? STATE_HOSTED : STATE_OPENING);
}

static void on_names_output(struct p2p_connection *connection, const char *text, size_t length) {
  const char *access = connection->request.access;
  size_t size = strlen(access) + 1;
  char *unknown = malloc(size);
  free(connection->unknown_users);
  connection->unknown_users = unknown;
  if (unknown != NULL && p2p_unknown_users_parse(text, length, access, unknown, size) != P2P_OK)
    unknown[0] = '\0';
  enter(connection, STATE_OPENING);
}

static void on_hosted_output(struct p2p_connection *connection, const char *text, size_t length) {
  struct p2p_access_check check = access_check(connection);
  struct p2p_err err;
  if (p2p_access_check_hosted(&check, text, length, &err) != P2P_OK)
    end(connection, &err);
  else
    enter(connection, STATE_OPENING);
}

static void on_line(void *arg, const struct p2p_line *line);

static void on_access_output(struct p2p_connection *connection, const char *text, size_t length) {
  struct p2p_access_check check = access_check(connection);
  struct p2p_err err;
  if (p2p_access_check_joined(&check, text, length, &err) != P2P_OK) {
    end(connection, &err);
    return;
  }
  p2p_topic_list_hosted(text, length, connection->user, connection->hosted);
  connection->state = STATE_JOINED;
  p2p_timer_stop(connection->timer);
  connection->callbacks.on_joined(connection->arg);
  struct p2p_line_reader reader;
  p2p_line_reader_init(&reader);
  size_t early = p2p_buf_len(&connection->early);
  if (early > 0)
    p2p_line_reader_feed(&reader, (const char *)p2p_buf_data(&connection->early), early, on_line,
                         connection);
  p2p_buf_clear(&connection->early);
}

static void handle_output(struct p2p_connection *connection, const char *text, size_t length) {
  struct p2p_err err;
  if (text == NULL) {
    p2p_err_because(&err, "not_a_board",
                    p2p_err_set(&err, P2P_ERR_TOO_LARGE,
                                "the output of a command on '%s' is longer than %d bytes",
                                connection->request.address->host, P2P_COMMAND_OUTPUT_MAX));
    end(connection, &err);
    return;
  }
  switch (connection->state) {
  case STATE_USER: on_user_output(connection, text, length); break;
  case STATE_SERVICES: on_services_output(connection, text, length); break;
  case STATE_NAMES: on_names_output(connection, text, length); break;
  case STATE_HOSTED: on_hosted_output(connection, text, length); break;
  default: on_access_output(connection, text, length);
  }
}

static void on_output(void *arg, const char *text, size_t length) {
  struct p2p_connection *connection = arg;
  p2p_command_output_free(connection->output); /* the next request takes its place */
  connection->output = NULL;
  handle_output(connection, text, length);
}

/* ---- the topic ---- */

static void on_line(void *arg, const struct p2p_line *line) {
  struct p2p_connection *connection = arg;
  char text[P2P_LINE_MAX + 1];
  if (connection->state == STATE_ENDED) return;
  if (connection->state == STATE_JOINED) {
    connection->callbacks.on_line(connection->arg, line);
    return;
  }
  long length = p2p_line_format(line, text, sizeof text);
  if (length < 0) return;
  if (connection->state == STATE_ECHO && strcmp(text, connection->hello) == 0)
    enter(connection, STATE_ACCESS);
  /* Lines beyond the cap are lost, as they are for a member that joins a moment later. */
  else if (p2p_buf_put(&connection->early, text, (size_t)length) != P2P_OK)
    return;
}

static void on_pipe_start(void *arg) {
  struct p2p_connection *connection = arg;
  struct p2p_line hello;
  struct p2p_err err;
  p2p_line_init(&hello);
  connection->callbacks.on_hello(connection->arg, &hello);
  if (connection->state == STATE_ENDED) return; /* freed in on_hello */
  long length = p2p_line_format(&hello, connection->hello, sizeof connection->hello);
  if (length > 0 &&
      p2p_ssh_command_write(connection->pipe, connection->hello, (size_t)length) == P2P_OK) {
    connection->state = STATE_ECHO;
  } else {
    p2p_err_set(&err, P2P_ERR_INVALID, "the hello to the cluster cannot be sent");
    end(connection, &err);
  }
}

static void on_pipe_output(void *arg, const char *bytes, size_t length) {
  struct p2p_connection *connection = arg;
  uint64_t dropped = connection->reader.dropped;
  p2p_line_reader_feed(&connection->reader, bytes, length, on_line, connection);
  if (connection->reader.dropped > dropped && connection->state != STATE_ENDED)
    connection->callbacks.on_dropped(connection->arg);
}

static void on_pipe_end(void *arg, int exit_status) {
  struct p2p_connection *connection = arg;
  struct p2p_err err;
  p2p_err_set(&err, P2P_ERR_CLOSED, "'%s' closed the topic of the cluster '%s/%s' (status %d)",
              connection->request.address->host, connection->cluster.owner,
              connection->cluster.name, exit_status);
  end(connection, &err);
}

static int open_topic(struct p2p_connection *connection, struct p2p_err *err) {
  static const struct p2p_ssh_command_callbacks callbacks = {on_pipe_start, on_pipe_output,
                                                             on_pipe_end};
  char topic[P2P_CLUSTER_MAX + 32], command[COMMAND_MAX];
  int code = p2p_topic_name(&connection->cluster, connection->user, topic, sizeof topic);
  bool is_host = connection->request.role == P2P_ROLE_HOST;
  int length = is_host ? snprintf(command, sizeof command, "pipe %s -r -a %s,%s", topic,
                                  connection->user, connection->request.access)
                       : snprintf(command, sizeof command, "pipe %s -r", topic);
  if (is_host && connection->request.access[0] == '\0' && length > 0) command[--length] = '\0';
  if (code != P2P_OK || length < 0 || (size_t)length >= sizeof command) {
    return p2p_err_set(err, P2P_ERR_TOO_LARGE, "the list of users is too long for the board");
  }
  return p2p_ssh_run(connection->ssh, command, &callbacks, connection, &connection->pipe, err);
}

/* ---- the steps ---- */

static void on_ready(void *arg) {
  struct p2p_connection *connection = arg;
  enter(connection, connection->user[0] == '\0' ? STATE_USER : STATE_SERVICES);
}

static void on_close(void *arg, const struct p2p_err *err) {
  struct p2p_connection *connection = arg;
  end(connection, err);
}

static void on_timeout(void *arg) {
  struct p2p_connection *connection = arg;
  static const char *const expected[] = {[STATE_WHOAMI] = "your user name",
                                         [STATE_CONNECTING] = "the SSH login",
                                         [STATE_USER] = "'user'",
                                         [STATE_SERVICES] = "'services'",
                                         [STATE_NAMES] = "'users'",
                                         [STATE_HOSTED] = "'ls'",
                                         [STATE_OPENING] = "'pipe'",
                                         [STATE_ECHO] = "the echo of the hello",
                                         [STATE_ACCESS] = "'ls'"};
  struct p2p_err err;
  p2p_err_because(
      &err, p2p_ssh_uses_program(connection->ssh) ? "ssh_silent" : "board_silent",
      p2p_err_set(&err, P2P_ERR_TIMEOUT, "'%s' did not answer within %.1f s (waiting for %s)",
                  connection->request.address->host, connection->request.timeout_ms / 1000.0,
                  expected[connection->state]));
  end(connection, &err);
}

static int request_output(struct p2p_connection *connection, const char *command,
                          struct p2p_err *err) {
  return p2p_command_output_request(connection->ssh, command, on_output, connection,
                                    &connection->output, err);
}

static int request_names(struct p2p_connection *connection, struct p2p_err *err) {
  char command[COMMAND_MAX];
  snprintf(command, sizeof command, "users %s", connection->request.access);
  return request_output(connection, command, err);
}

static int start(struct p2p_connection *connection, enum state state, struct p2p_err *err) {
  static const struct p2p_ssh_callbacks callbacks = {on_ready, on_close};
  const struct p2p_connection_request *request = &connection->request;
  switch (state) {
  case STATE_WHOAMI:
    return p2p_whoami_request(
        &(struct p2p_whoami_query){request->loop, request->address, request->timeout_ms}, on_whoami,
        connection, &connection->whoami, err);
  case STATE_CONNECTING:
    return p2p_ssh_connect(
        &(struct p2p_ssh_request){request->loop, request->address, request->timeout_ms}, &callbacks,
        connection, &connection->ssh, err);
  case STATE_USER: return request_output(connection, "user", err);
  case STATE_SERVICES: return request_output(connection, "services", err);
  case STATE_NAMES: return request_names(connection, err);
  case STATE_HOSTED:
  case STATE_ACCESS: return request_output(connection, "ls", err);
  case STATE_OPENING: return open_topic(connection, err);
  default: return P2P_OK;
  }
}

static void enter(struct p2p_connection *connection, enum state state) {
  struct p2p_err err;
  connection->state = state;
  if (start(connection, state, &err) != P2P_OK) end(connection, &err);
}

int p2p_connection_new(const struct p2p_connection_request *request,
                       const struct p2p_connection_callbacks *callbacks, void *arg,
                       struct p2p_connection **out, struct p2p_err *err) {
  struct p2p_connection *connection = calloc(1, sizeof *connection);
  if (connection == NULL) return p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
  connection->request = *request;
  connection->callbacks = *callbacks;
  connection->arg = arg;
  p2p_line_reader_init(&connection->reader);
  p2p_buf_init(&connection->early, EARLY_MAX);
  connection->timer = p2p_timer_new(request->loop, on_timeout, connection);
  char host[sizeof request->address->host];
  p2p_address_account_host(request->address, host, sizeof host);
  connection->state = strcmp(host, request->address->host) == 0 ? STATE_CONNECTING : STATE_WHOAMI;
  int code = connection->timer == NULL ? p2p_err_set(err, P2P_ERR_MEMORY, "out of memory")
                                       : start(connection, connection->state, err);
  if (code != P2P_OK) {
    p2p_connection_free(connection);
    return code;
  }
  p2p_timer_start(connection->timer, request->timeout_ms, 0);
  *out = connection;
  return P2P_OK;
}

void p2p_connection_free(struct p2p_connection *connection) {
  if (connection == NULL) return;
  connection->state = STATE_ENDED;
  p2p_whoami_free(connection->whoami);
  p2p_command_output_free(connection->output);
  p2p_ssh_command_free(connection->pipe);
  p2p_ssh_free(connection->ssh);
  p2p_timer_free(connection->timer);
  connection->free_post = (struct p2p_post){.fn = free_memory, .arg = connection};
  p2p_loop_defer(connection->request.loop, &connection->free_post);
}

const char *p2p_connection_user(const struct p2p_connection *connection) {
  return connection->user;
}
const struct p2p_cluster *p2p_connection_cluster(const struct p2p_connection *connection) {
  return &connection->cluster;
}
const struct p2p_services *p2p_connection_services(const struct p2p_connection *connection) {
  return &connection->services;
}
const char *p2p_connection_unknown_users(const struct p2p_connection *connection) {
  return connection->unknown_users == NULL ? "" : connection->unknown_users;
}
const char *p2p_connection_hosted(const struct p2p_connection *connection) {
  return connection->hosted;
}
uint64_t p2p_connection_dropped(const struct p2p_connection *connection) {
  return connection->reader.dropped;
}

int p2p_connection_write(struct p2p_connection *connection, const char *bytes, size_t length) {
  return connection->state == STATE_JOINED ? p2p_ssh_command_write(connection->pipe, bytes, length)
                                           : P2P_ERR_CLOSED;
}
