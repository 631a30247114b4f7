/* One connection to a cluster's topic. The board refuses nothing explicitly, so that every step
 * checks something: `user` that the key has an account, `ls` that a host has opened the owner's
 * topic, the echo of the hello that the topic works, and `ls` again that it is the cluster's. */
#include "board/connection.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "board/access_check.h"
#include "board/attestation.h"
#include "board/connection_step.h"
#include "board/unknown_users.h"
#include "board/whoami.h"
#include "net/timer.h"

#define EARLY_MAX (256 * 1024)
#define COMMAND_MAX 12288

struct p2p_connection {
  struct p2p_connection_request request;
  struct p2p_connection_callbacks callbacks;
  void *arg;
  enum p2p_connection_step step;
  char user[P2P_USER_MAX];
  struct p2p_cluster cluster;
  struct p2p_services services;
  bool is_on_board; /* logged in there, and not only on the host that knows the accounts */
  const struct p2p_sign_public *device; /* to attest; borrowed; may be NULL */
  bool has_attested;
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

static void enter(struct p2p_connection *connection, enum p2p_connection_step step);

static void free_memory(void *arg) {
  struct p2p_connection *connection = arg;
  p2p_buf_clear(&connection->early);
  free(connection->unknown_users);
  free(connection);
}

static void end(void *arg, const struct p2p_err *err) {
  struct p2p_connection *connection = arg; /* its SSH connection may call this, too */
  if (connection->step == P2P_STEP_ENDED) return;
  connection->step = P2P_STEP_ENDED;
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
  connection->step = P2P_STEP_KEYS;
  connection->callbacks.on_user(connection->arg);
}

void p2p_connection_resume(struct p2p_connection *connection,
                           const struct p2p_sign_public *device) {
  if (connection->step != P2P_STEP_KEYS) return; /* it has ended since */
  connection->device = device;
  enter(connection, connection->is_on_board ? P2P_STEP_SERVICES : P2P_STEP_CONNECTING);
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

static void prepare_topic(struct p2p_connection *connection) {
  struct p2p_access_check check = access_check(connection);
  if (check.role == P2P_ROLE_HOST && check.access[0] != '\0')
    enter(connection, P2P_STEP_NAMES);
  else
    enter(connection, p2p_access_check_needs_host(&check) ? P2P_STEP_HOSTED : P2P_STEP_OPENING);
}

static void on_services_output(struct p2p_connection *connection, const char *text, size_t length) {
  p2p_services_parse(text, length, p2p_ssh_host(connection->ssh), &connection->services);
  if (connection->device != NULL)
    enter(connection, P2P_STEP_ATTEST);
  else
    prepare_topic(connection);
}

static void on_attest_output(struct p2p_connection *connection, const char *text, size_t length) {
  connection->has_attested = p2p_attest_is_done(text, length);
  prepare_topic(connection);
}

static void on_names_output(struct p2p_connection *connection, const char *text, size_t length) {
  free(connection->unknown_users);
  connection->unknown_users = p2p_unknown_users_find(text, length, connection->request.access);
  enter(connection, P2P_STEP_OPENING);
}

static void on_hosted_output(struct p2p_connection *connection, const char *text, size_t length) {
  struct p2p_access_check check = access_check(connection);
  struct p2p_err err;
  if (p2p_access_check_hosted(&check, text, length, &err) != P2P_OK)
    end(connection, &err);
  else
    enter(connection, P2P_STEP_OPENING);
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
  connection->step = P2P_STEP_JOINED;
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
  switch (connection->step) {
  case P2P_STEP_USER: on_user_output(connection, text, length); break;
  case P2P_STEP_SERVICES: on_services_output(connection, text, length); break;
  case P2P_STEP_ATTEST: on_attest_output(connection, text, length); break;
  case P2P_STEP_NAMES: on_names_output(connection, text, length); break;
  case P2P_STEP_HOSTED: on_hosted_output(connection, text, length); break;
  default: on_access_output(connection, text, length);
  }
}

static void on_output(void *arg, const char *text, size_t length) {
  struct p2p_connection *connection = arg;
  p2p_command_output_free(connection->output);
  connection->output = NULL; /* the next request takes its place */
  handle_output(connection, text, length);
}

/* ---- the topic ---- */

static void on_line(void *arg, const struct p2p_line *line) {
  struct p2p_connection *connection = arg;
  char text[P2P_LINE_MAX + 1];
  if (connection->step == P2P_STEP_ENDED) return;
  if (connection->step == P2P_STEP_JOINED) {
    connection->callbacks.on_line(connection->arg, line);
    return;
  }
  long length = p2p_line_format(line, text, sizeof text);
  if (length < 0) return;
  if (connection->step == P2P_STEP_ECHO && strcmp(text, connection->hello) == 0)
    enter(connection, P2P_STEP_ACCESS);
  else /* lines beyond the cap are lost, as they are for a member that joins a moment later */
    (void)!p2p_buf_put(&connection->early, text, (size_t)length);
}

static void on_pipe_start(void *arg) {
  struct p2p_connection *connection = arg;
  struct p2p_line hello;
  struct p2p_err err;
  p2p_line_init(&hello);
  connection->callbacks.on_hello(connection->arg, &hello);
  if (connection->step == P2P_STEP_ENDED) return; /* freed in on_hello */
  long length = p2p_line_format(&hello, connection->hello, sizeof connection->hello);
  if (length > 0 &&
      p2p_ssh_command_write(connection->pipe, connection->hello, (size_t)length) == P2P_OK) {
    connection->step = P2P_STEP_ECHO;
  } else {
    p2p_err_set(&err, P2P_ERR_INVALID, "the hello to the cluster cannot be sent");
    end(connection, &err);
  }
}

static void on_pipe_output(void *arg, const char *bytes, size_t length) {
  struct p2p_connection *connection = arg;
  uint64_t dropped = connection->reader.dropped;
  p2p_line_reader_feed(&connection->reader, bytes, length, on_line, connection);
  if (connection->reader.dropped > dropped && connection->step != P2P_STEP_ENDED)
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
  char command[COMMAND_MAX];
  const char *access =
      connection->request.role == P2P_ROLE_HOST ? connection->request.access : NULL;
  if (p2p_topic_open_command(&connection->cluster, connection->user, access, command,
                             sizeof command) != P2P_OK)
    return p2p_err_set(err, P2P_ERR_TOO_LARGE, "the list of users is too long for the board");
  return p2p_ssh_run(connection->ssh, command, &callbacks, connection, &connection->pipe, err);
}

/* ---- the steps ---- */

static void on_ready(void *arg) {
  struct p2p_connection *connection = arg;
  connection->is_on_board = true;
  enter(connection, connection->user[0] == '\0' ? P2P_STEP_USER : P2P_STEP_SERVICES);
}

static void on_timeout(void *arg) {
  struct p2p_connection *connection = arg;
  struct p2p_err err;
  p2p_connection_step_explain(connection->step, connection->request.address->host,
                              connection->request.timeout_ms, p2p_ssh_uses_program(connection->ssh),
                              &err);
  end(connection, &err);
}

static int request_output(struct p2p_connection *connection, const char *command,
                          struct p2p_err *err) {
  return p2p_command_output_request(connection->ssh, command, on_output, connection,
                                    &connection->output, err);
}

static int start(struct p2p_connection *connection, enum p2p_connection_step step,
                 struct p2p_err *err) {
  static const struct p2p_ssh_callbacks callbacks = {on_ready, end};
  const struct p2p_connection_request *request = &connection->request;
  char command[COMMAND_MAX];
  switch (step) {
  case P2P_STEP_WHOAMI:
    return p2p_whoami_request(
        &(struct p2p_whoami_query){request->loop, request->address, request->timeout_ms}, on_whoami,
        connection, &connection->whoami, err);
  case P2P_STEP_CONNECTING:
    return p2p_ssh_connect(
        &(struct p2p_ssh_request){request->loop, request->address, request->timeout_ms}, &callbacks,
        connection, &connection->ssh, err);
  case P2P_STEP_USER: return request_output(connection, "user", err);
  case P2P_STEP_SERVICES: return request_output(connection, "services", err);
  case P2P_STEP_ATTEST:
    p2p_attest_command(connection->device, command);
    return request_output(connection, command, err);
  case P2P_STEP_NAMES:
    snprintf(command, sizeof command, "users %s", request->access);
    return request_output(connection, command, err);
  case P2P_STEP_HOSTED:
  case P2P_STEP_ACCESS: return request_output(connection, "ls", err);
  case P2P_STEP_OPENING: return open_topic(connection, err);
  default: return P2P_OK;
  }
}

static void enter(struct p2p_connection *connection, enum p2p_connection_step step) {
  struct p2p_err err;
  connection->step = step;
  if (start(connection, step, &err) != P2P_OK) end(connection, &err);
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
  connection->step =
      strcmp(host, request->address->host) == 0 ? P2P_STEP_CONNECTING : P2P_STEP_WHOAMI;
  int code = connection->timer == NULL ? p2p_err_set(err, P2P_ERR_MEMORY, "out of memory")
                                       : start(connection, connection->step, err);
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
  connection->step = P2P_STEP_ENDED;
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
bool p2p_connection_has_attested(const struct p2p_connection *connection) {
  return connection->has_attested;
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

int p2p_connection_send(struct p2p_connection *connection, const struct p2p_line *line) {
  char text[P2P_LINE_MAX + 1];
  long length = p2p_line_format(line, text, sizeof text);
  if (length < 0) return (int)length;
  return connection->step == P2P_STEP_JOINED
             ? p2p_ssh_command_write(connection->pipe, text, (size_t)length)
             : P2P_ERR_CLOSED;
}

int p2p_connection_ask(struct p2p_connection *connection, const char *command,
                       void (*fn)(void *arg, const char *text, size_t length), void *arg,
                       struct p2p_command_output **out) {
  struct p2p_err err;
  if (connection->step != P2P_STEP_JOINED) return P2P_ERR_CLOSED;
  return p2p_command_output_request(connection->ssh, command, fn, arg, out, &err);
}
