/* Owns struct p2p_client_loop: what happens on the board goes to the dispatcher, and what changes
 * there becomes the status. */
#include "client/client_loop.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/chunks.h"
#include "base/clock.h"
#include "board/attendance.h"
#include "board/member.h"
#include "client/dispatcher.h"
#include "net/timer.h"
#include "protocol/leave.h"
#include "protocol/versions.h"

#define KEPT_BYTES (UINT64_C(128) << 20)
#define REST_MS 10000

struct p2p_client_loop {
  struct p2p_log_queue *log;
  struct p2p_client_loop_callbacks callbacks;
  void *arg;
  char r_version[P2P_VERSION_MAX], future_version[P2P_VERSION_MAX];
  struct p2p_member *member;
  struct p2p_dispatcher *dispatcher;
  struct p2p_client_status status;
  struct p2p_attendance *attendance;
  struct p2p_roll roll;
  bool was_refused;       /* since it was joined */
  struct p2p_timer *rest; /* gives memory back when there have been no tasks for a while */
};

/* Memory of large objects is kept for the next ones. */

static void on_rest(void *arg) {
  (void)arg;
  p2p_chunks_keep(0);
}

static void keep_memory(struct p2p_client_loop *client) {
  if (client->status.waiting + client->status.running == 0) {
    p2p_timer_start(client->rest, REST_MS, 0);
  } else {
    p2p_timer_stop(client->rest);
    p2p_chunks_keep(KEPT_BYTES);
  }
}

/* Callbacks of the dispatcher. */

static void on_change(void *arg) {
  struct p2p_client_loop *client = arg;
  p2p_dispatcher_count(client->dispatcher, &client->status);
  keep_memory(client);
  client->callbacks.on_status(client->arg, &client->status);
}

static void on_task(void *arg) {
  struct p2p_client_loop *client = arg;
  client->callbacks.on_task(client->arg);
}

/* Callbacks of the board. */

static void on_hello(void *arg, struct p2p_hello_line *hello) {
  const struct p2p_client_loop *client = arg;
  snprintf(hello->r_version, sizeof hello->r_version, "%s", client->r_version);
  snprintf(hello->future_version, sizeof hello->future_version, "%s", client->future_version);
}

static void on_joined(void *arg) {
  struct p2p_client_loop *client = arg;
  struct p2p_client_status *status = &client->status;
  status->joined = true;
  client->was_refused = false;
  snprintf(status->user, sizeof status->user, "%s", p2p_member_user(client->member));
  snprintf(status->name, sizeof status->name, "%s", p2p_member_name(client->member));
  snprintf(status->cluster, sizeof status->cluster, "%s", p2p_member_cluster(client->member));
  snprintf(status->hosted, sizeof status->hosted, "%s", p2p_member_hosted(client->member));
  p2p_log_write(client->log, P2P_LOG_INFO, "joined cluster '%s' as '%s'", status->cluster,
                p2p_member_name(client->member));
  p2p_dispatcher_on_joined(client->dispatcher, client->member);
}

static void on_line(void *arg, const struct p2p_line *line) {
  struct p2p_client_loop *client = arg;
  p2p_attendance_hear(client->attendance, line);
  p2p_roll_hear(&client->roll, line, p2p_clock_ms());
  p2p_dispatcher_on_line(client->dispatcher, line);
}

static void on_disconnected(void *arg, const struct p2p_err *err, uint32_t retry_ms) {
  struct p2p_client_loop *client = arg;
  bool is_refused = err->code == P2P_ERR_ACCESS;
  struct p2p_err away = *err;
  client->status.joined = false;
  p2p_err_prefix(&away, "disconnected from the board, reconnecting in %.1f s", retry_ms / 1000.0);
  p2p_log_error(client->log, is_refused && !client->was_refused ? P2P_LOG_WARN : P2P_LOG_INFO,
                &away);
  client->was_refused |= is_refused;
  p2p_dispatcher_on_disconnected(client->dispatcher);
}

static void on_failed(void *arg, const struct p2p_err *err) {
  struct p2p_client_loop *client = arg;
  client->status.joined = false;
  client->status.failed = *err;
  p2p_log_error(client->log, P2P_LOG_FATAL, err);
  p2p_dispatcher_on_failed(client->dispatcher, err);
}

static void on_expelled(void *arg, const struct p2p_sign_public *devices, size_t n) {
  struct p2p_client_loop *client = arg;
  p2p_dispatcher_on_expelled(client->dispatcher, devices, n);
}

/* Tasks and workers. */

void p2p_client_loop_update(struct p2p_client_loop *client, struct p2p_task_queue *submitted,
                            bool has_cancelled) {
  p2p_dispatcher_update(client->dispatcher, submitted, has_cancelled);
}

size_t p2p_client_loop_workers(const struct p2p_client_loop *client, struct p2p_worker_info *out,
                               size_t capacity) {
  return p2p_dispatcher_workers(client->dispatcher, out, capacity);
}

void p2p_client_loop_explain(const struct p2p_client_loop *client,
                             const struct p2p_requirements *needs, struct p2p_waiting *out) {
  p2p_dispatcher_explain(client->dispatcher, needs, out);
}

int p2p_client_loop_ask(struct p2p_client_loop *client) {
  struct p2p_line line;
  int code = client->status.joined
                 ? p2p_who_write(&line, p2p_member_identity(client->member), time(NULL))
                 : P2P_ERR_CLOSED;
  if (code != P2P_OK) return code;
  p2p_roll_ask(&client->roll, p2p_clock_ms());
  return p2p_member_send(client->member, &line);
}

const struct p2p_roll *p2p_client_loop_roll(const struct p2p_client_loop *client) {
  return &client->roll;
}

/* Creation and end. */

static int join(struct p2p_client_loop *client, const struct p2p_client_config *config,
                struct p2p_err *err) {
  static const struct p2p_dispatcher_callbacks dispatcher_callbacks = {on_change, on_task};
  static const struct p2p_member_callbacks member_callbacks = {
      on_hello, on_joined, on_line, on_disconnected, on_failed, on_expelled};
  struct p2p_member_config member = {
      .loop = config->loop,
      .board = config->board,
      .role = P2P_ROLE_CLIENT,
      .log = client->log,
  };
  int code = p2p_dispatcher_new(config, client->log, &dispatcher_callbacks, client,
                                &client->dispatcher, err);
  if (code != P2P_OK) return code;
  code = p2p_member_new(&member, &member_callbacks, client, &client->member, err);
  if (code != P2P_OK) return code;
  client->attendance =
      p2p_attendance_new(config->loop, client->member, P2P_ROLE_CLIENT, NULL, NULL);
  return client->attendance != NULL ? P2P_OK : p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
}

int p2p_client_loop_new(const struct p2p_client_config *config, struct p2p_log_queue *log,
                        const struct p2p_client_loop_callbacks *callbacks, void *arg,
                        struct p2p_client_loop **out, struct p2p_err *err) {
  struct p2p_client_loop *client = calloc(1, sizeof *client);
  if (client == NULL) return p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
  client->log = log;
  client->callbacks = *callbacks;
  client->arg = arg;
  snprintf(client->r_version, sizeof client->r_version, "%s", config->r_version);
  snprintf(client->future_version, sizeof client->future_version, "%s", config->future_version);
  client->rest = p2p_timer_new(config->loop, on_rest, client);
  int code = client->rest == NULL ? p2p_err_set(err, P2P_ERR_MEMORY, "out of memory")
                                  : join(client, config, err);
  if (code == P2P_OK)
    *out = client;
  else
    p2p_client_loop_free(client);
  return code;
}

/* Best effort: the workers notice the end of their links anyway. */
static void leave(struct p2p_client_loop *client) {
  struct p2p_line line;
  if (client->status.joined &&
      p2p_leave_write(&line, p2p_member_identity(client->member), time(NULL)) == P2P_OK)
    (void)p2p_member_send(client->member, &line);
}

void p2p_client_loop_free(struct p2p_client_loop *client) {
  if (client == NULL) return;
  p2p_dispatcher_free(client->dispatcher);
  p2p_attendance_free(client->attendance);
  p2p_roll_clear(&client->roll);
  if (client->member != NULL) leave(client);
  p2p_member_free(client->member);
  p2p_timer_free(client->rest);
  p2p_chunks_keep(0);
  free(client);
}
