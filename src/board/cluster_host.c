/* The host of a cluster: a member that opens the topic with the access list and stays, and writes a
 * line with the access list every two minutes. */
#include "board/cluster_host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "board/arrivals.h"
#include "board/attendance.h"
#include "keys/device.h"
#include "net/service.h"
#include "net/timer.h"
#include "protocol/access_line.h"
#include "protocol/public_services.h"

#define ACCESS_EVERY_MS 120000

struct p2p_cluster_host {
  struct p2p_service *service;
  struct p2p_loop *loop;
  struct p2p_log_queue *log;
  struct p2p_member *member;
  struct p2p_timer *timer;
  struct p2p_attendance *attendance;
  char board[300];
  char *users; /* joined by ';' */
  size_t n_users;
  bool has_joined;
  struct p2p_arrivals arrivals;
  char *reported; /* users without an account, as in the last warning; NULL: none so far */
};

/* "bob", "bob and carol", "bob, carol and dave" */
static void list_names(const char *names, char separator, char *out, size_t size) {
  size_t used = 0, place = 0;
  const char separators[] = {separator, '\0'};
  out[0] = '\0';
  for (const char *at = names; *at != '\0' && used + 1 < size; at += *at == separator) {
    size_t part = strcspn(at, separators);
    const char *joint = place == 0 ? "" : at[part] == '\0' ? " and " : ", ";
    int length = snprintf(out + used, size - used, "%s%.*s", joint, (int)part, at);
    if (length < 0) return;
    used += (size_t)length;
    at += part;
    place++;
  }
}

static void send_access(void *arg) {
  struct p2p_cluster_host *host = arg;
  struct p2p_line line;
  const char *cluster = p2p_member_cluster(host->member);
  struct p2p_access_line access = {cluster, strcspn(cluster, "/"), host->n_users, host->users};
  if (p2p_access_line_write(&line, &access, time(NULL)) != P2P_OK) return;
  if (p2p_member_send(host->member, &line) != P2P_OK) {
    p2p_log_write(host->log, P2P_LOG_DEBUG,
                  "the list of users was not sent: the board is disconnected or busy");
  }
}

/* Once, and again when others are unknown after a reconnect. */
static void warn_of_unknown_users(struct p2p_cluster_host *host) {
  const char *unknown = p2p_member_unknown_users(host->member);
  char users[600];
  struct p2p_err err;
  if (unknown[0] == '\0' || (host->reported != NULL && strcmp(unknown, host->reported) == 0))
    return;
  free(host->reported);
  host->reported = strdup(unknown);
  list_names(unknown, ',', users, sizeof users);
  p2p_err_because(&err, "unknown_users",
                  p2p_err_set(&err, P2P_ERR_ACCESS, "users without an account on '%s': %s",
                              host->board, users));
  p2p_log_error(host->log, P2P_LOG_WARN, &err);
}

/* Once. Members compare it with the one that they see. */
static void show_device(struct p2p_cluster_host *host) {
  const struct p2p_credentials *credentials = p2p_member_credentials(host->member);
  char fingerprint[P2P_FINGERPRINT_MAX];
  if (host->has_joined || credentials == NULL) return; /* NULL: a cluster without a key */
  p2p_fingerprint(&credentials->device, fingerprint);
  p2p_log_event(host->log, P2P_LOG_INFO, "device", "this is its owner's device %s", fingerprint);
}

static void on_joined(void *arg) {
  struct p2p_cluster_host *host = arg;
  char users[600] = "its owner alone";
  if (host->n_users > 0) list_names(host->users, ';', users, sizeof users);
  p2p_log_event(host->log, P2P_LOG_INFO, "hosting", "hosting cluster '%s' for %s on '%s'",
                p2p_member_cluster(host->member), users, host->board);
  show_device(host);
  host->has_joined = true;
  warn_of_unknown_users(host);
  send_access(host);
  p2p_timer_start(host->timer, ACCESS_EVERY_MS, ACCESS_EVERY_MS);
}

/* "carol@desk:4711 has arrived (worker, 4 slots)" */
static void on_line(void *arg, const struct p2p_line *line) {
  struct p2p_cluster_host *host = arg;
  struct p2p_hello_line hello;
  char slots[32] = "";
  p2p_attendance_hear(host->attendance, line);
  switch (p2p_arrivals_read(&host->arrivals, line, (time_t)(p2p_clock_ms() / 1000), &hello)) {
  case P2P_ARRIVALS_ARRIVED:
    if (hello.role == P2P_ROLE_WORKER)
      snprintf(slots, sizeof slots, ", %u slot%s", (unsigned)hello.slots,
               hello.slots == 1 ? "" : "s");
    p2p_log_event(host->log, P2P_LOG_INFO, "arrived", "%s has arrived (%s%s)", hello.from.name,
                  p2p_role_name(hello.role), slots);
    break;
  case P2P_ARRIVALS_LEFT:
    p2p_log_event(host->log, P2P_LOG_INFO, "left", "%s has left", hello.from.name);
    break;
  case P2P_ARRIVALS_MANY:
    p2p_log_write(host->log, P2P_LOG_INFO, "more members arrive and leave than are shown");
    break;
  case P2P_ARRIVALS_NONE: break;
  }
}

static void on_disconnected(void *arg, const struct p2p_err *err, uint32_t retry_ms) {
  struct p2p_cluster_host *host = arg;
  p2p_timer_stop(host->timer);
  p2p_log_write(host->log, P2P_LOG_WARN, "disconnected from the board, reconnecting in %.1f s: %s",
                retry_ms / 1000.0, err->message);
}

static void on_failed(void *arg, const struct p2p_err *err) {
  struct p2p_cluster_host *host = arg;
  p2p_timer_stop(host->timer);
  p2p_log_error(host->log, P2P_LOG_FATAL, err);
}

static int start(void *state, const void *config, struct p2p_err *err) {
  static const struct p2p_member_callbacks callbacks = {.on_joined = on_joined,
                                                        .on_line = on_line,
                                                        .on_disconnected = on_disconnected,
                                                        .on_failed = on_failed};
  struct p2p_cluster_host *host = state;
  host->timer = p2p_timer_new(host->loop, send_access, host);
  if (host->timer == NULL) return p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
  int code = p2p_member_new(config, &callbacks, host, &host->member, err);
  if (code != P2P_OK) return code;
  host->attendance = p2p_attendance_new(host->loop, host->member, P2P_ROLE_HOST, NULL, NULL);
  return host->attendance != NULL ? P2P_OK : p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
}

static void stop(void *state) {
  struct p2p_cluster_host *host = state;
  p2p_attendance_free(host->attendance);
  p2p_member_free(host->member);
  p2p_timer_free(host->timer);
}

/* --- on any other thread --- */

static void destroy(void *state) {
  struct p2p_cluster_host *host = state;
  free(host->users);
  free(host->reported);
  free(host);
}

static char *join_users(const struct p2p_member_config *config) {
  size_t size = 1, used = 0;
  for (size_t i = 0; i < config->n_users; i++) size += strlen(config->users[i]) + 1;
  char *users = calloc(1, size);
  for (size_t i = 0; users != NULL && i < config->n_users; i++) {
    used +=
        (size_t)snprintf(users + used, size - used, "%s%s", i == 0 ? "" : ";", config->users[i]);
  }
  return users;
}

int p2p_cluster_host_new(const struct p2p_member_config *config, struct p2p_log_queue *log,
                         struct p2p_cluster_host **out, struct p2p_err *err) {
  static const struct p2p_service_type type = {start, stop, destroy};
  struct p2p_service *service;
  struct p2p_cluster_host *host = calloc(1, sizeof *host);
  if (host == NULL) return p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
  struct p2p_member_config ours = *config;
  ours.role = P2P_ROLE_HOST;
  ours.log = log;
  host->loop = config->loop;
  host->log = log;
  host->n_users = config->n_users;
  host->users = join_users(config);
  snprintf(host->board, sizeof host->board, "%s",
           config->board.host == NULL ? P2P_PUBLIC_BOARD : config->board.host);
  if (host->users == NULL) {
    destroy(host);
    return p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
  }
  int code = p2p_service_start(host->loop, &type, host, &ours, &service, err);
  if (code != P2P_OK) return code;
  host->service = service;
  *out = host;
  return P2P_OK;
}

void p2p_cluster_host_free(struct p2p_cluster_host *host) {
  if (host != NULL) p2p_service_stop(host->service);
}
