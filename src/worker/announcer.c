/* When a worker sends its hello, and which lines of the board it reads. */
#include "worker/announcer.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "board/attendance.h"
#include "crypto/random.h"
#include "net/timer.h"
#include "proc/machine_use.h"
#include "protocol/leave.h"
#include "worker/other_workers.h"

struct p2p_announcer {
  struct p2p_member *member;
  struct p2p_log_queue *log;
  const char *r_version, *future_version;
  struct p2p_machine machine;
  const char *gpu_models;
  uint32_t slots;
  struct p2p_load load;
  struct p2p_announcer_callbacks callbacks;
  void *arg;
  struct p2p_seal_public public_key;
  struct p2p_seal_secret secret_key;
  struct p2p_attendance *attendance;
  struct p2p_other_workers others;
  struct p2p_timer *hello_timer, *reply_timer;
  bool reply_pending; /* the reply timer runs */
  bool left;
  char hellos[2][P2P_HELLO_LINE_ID_MAX]; /* the ids of the latest two */
  uint64_t invalid_accepts;              /* accepts for this worker that could not be decrypted */
};

/* An error means that the member is disconnected: it sends its hello on the next joining. */
static void send_hello(struct p2p_announcer *announcer) {
  if (!announcer->left) (void)p2p_member_send_hello(announcer->member);
}

static void on_hello_timer(void *arg) { send_hello(arg); }

static void on_reply_timer(void *arg) {
  struct p2p_announcer *announcer = arg;
  announcer->reply_pending = false;
  send_hello(announcer);
}

/* The first client sets the delay of a reply, which is for all clients until then. */
static void reply_to_client(struct p2p_announcer *announcer) {
  if (announcer->reply_pending) return;
  announcer->reply_pending = true;
  uint32_t jitter_ms = p2p_other_workers_jitter_ms(&announcer->others, p2p_clock_ms());
  p2p_timer_start(announcer->reply_timer, p2p_random_below(jitter_ms + 1), 0);
}

/* In a cluster with a key, an accept quotes a recent hello, so that old ones cannot be repeated. */
static bool is_fresh(const struct p2p_announcer *announcer, const struct p2p_accept *accept) {
  if (p2p_member_credentials(announcer->member) == NULL) return accept->hello[0] == '\0';
  return strcmp(accept->hello, announcer->hellos[0]) == 0 ||
         strcmp(accept->hello, announcer->hellos[1]) == 0;
}

static void read_accept(struct p2p_announcer *announcer, const struct p2p_line *line) {
  struct p2p_accept accept = {0};
  int code = p2p_accept_read(line, p2p_member_identity(announcer->member)->id,
                             &announcer->public_key, &announcer->secret_key, &accept);
  if (code == P2P_OK && !is_fresh(announcer, &accept)) {
    p2p_log_write(announcer->log, P2P_LOG_DEBUG, "ignoring an accept of an earlier hello");
  } else if (code == P2P_OK) {
    announcer->callbacks.on_accept(announcer->arg, &accept);
  } else if (code != P2P_ERR_CANCELED) {
    p2p_log_write(announcer->log, P2P_LOG_DEBUG,
                  "ignoring an accept that is not encrypted for this worker (%llu so far)",
                  (unsigned long long)++announcer->invalid_accepts);
  }
  p2p_wipe(&accept, sizeof accept);
}

/* ---- callbacks of the member ---- */

static void on_hello(void *arg, struct p2p_hello_line *hello) {
  struct p2p_announcer *announcer = arg;
  memcpy(announcer->hellos[1], announcer->hellos[0], sizeof announcer->hellos[1]);
  memcpy(announcer->hellos[0], hello->id, sizeof announcer->hellos[0]);
  snprintf(hello->r_version, sizeof hello->r_version, "%s", announcer->r_version);
  snprintf(hello->future_version, sizeof hello->future_version, "%s", announcer->future_version);
  hello->key = announcer->public_key;
  hello->slots = announcer->slots;
  hello->machine = announcer->machine;
  hello->busy = announcer->load.busy;
  hello->waiting = announcer->load.waiting;
  memcpy(hello->state, announcer->load.state, sizeof hello->state);
}

static uint32_t bounded(uint64_t count) {
  return count < P2P_HERE_COUNT_MAX ? (uint32_t)count : P2P_HERE_COUNT_MAX;
}

/* Without a key, the board could read whose futures run here. */
static void describe(void *arg, struct p2p_here *here) {
  const struct p2p_announcer *announcer = arg;
  here->busy = announcer->load.busy;
  here->load = bounded((uint64_t)(100 * p2p_machine_use_load()));
  here->free_mib = bounded(p2p_machine_use_free_mib());
  if (announcer->gpu_models != NULL)
    snprintf(here->gpus, sizeof here->gpus, "%s", announcer->gpu_models);
  if (p2p_member_credentials(announcer->member) != NULL)
    snprintf(here->users, sizeof here->users, "%s", announcer->load.users);
}

static void on_joined(void *arg) {
  struct p2p_announcer *announcer = arg;
  p2p_log_event(announcer->log, P2P_LOG_INFO, "joined",
                "joined cluster '%s' as '%s' with %u slot%s", p2p_member_cluster(announcer->member),
                p2p_member_name(announcer->member), (unsigned)announcer->slots,
                announcer->slots == 1 ? "" : "s");
  p2p_log_write(announcer->log, P2P_LOG_DEBUG, "the id of this worker is %s",
                p2p_member_identity(announcer->member)->id);
  p2p_timer_start(announcer->hello_timer, P2P_ANNOUNCER_HELLO_MS, P2P_ANNOUNCER_HELLO_MS);
  announcer->callbacks.on_joined(announcer->arg);
}

static void on_line(void *arg, const struct p2p_line *line) {
  struct p2p_announcer *announcer = arg;
  struct p2p_hello_line hello;
  struct p2p_identity from;
  if (announcer->left) return;
  p2p_attendance_hear(announcer->attendance, line);
  if (p2p_hello_line_read(line, &hello) == P2P_OK) {
    if (hello.role == P2P_ROLE_CLIENT)
      reply_to_client(announcer);
    else if (hello.role == P2P_ROLE_WORKER)
      p2p_other_workers_add(&announcer->others, hello.from.id, p2p_clock_ms());
  } else if (p2p_leave_read(line, &from) == P2P_OK) {
    p2p_other_workers_remove(&announcer->others, from.id);
  } else {
    read_accept(announcer, line);
  }
}

static void on_away(void *arg, const struct p2p_err *err, uint32_t retry_ms) {
  struct p2p_announcer *announcer = arg;
  struct p2p_err warning = *err;
  p2p_err_prefix(&warning, "disconnected from the board, reconnecting in %.1f s; links stay open",
                 retry_ms / 1000.0);
  p2p_log_error(announcer->log, P2P_LOG_WARN, &warning);
}

static void on_failed(void *arg, const struct p2p_err *err) {
  struct p2p_announcer *announcer = arg;
  announcer->callbacks.on_failed(announcer->arg, err);
}

static void on_expelled(void *arg, const struct p2p_sign_public *devices, size_t n) {
  struct p2p_announcer *announcer = arg;
  announcer->callbacks.on_expelled(announcer->arg, devices, n);
}

/* ---- for the owner ---- */

int p2p_announcer_new(const struct p2p_announcer_config *config,
                      const struct p2p_announcer_callbacks *callbacks, void *arg,
                      struct p2p_announcer **out, struct p2p_err *err) {
  static const struct p2p_member_callbacks member_callbacks = {on_hello, on_joined, on_line,
                                                               on_away,  on_failed, on_expelled};
  struct p2p_announcer *announcer = calloc(1, sizeof *announcer);
  if (announcer == NULL) return p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
  announcer->log = config->log;
  announcer->r_version = config->r_version;
  announcer->future_version = config->future_version;
  announcer->machine = config->machine;
  announcer->gpu_models = config->gpu_models;
  announcer->slots = config->slots;
  announcer->callbacks = *callbacks;
  announcer->arg = arg;
  p2p_seal_keypair(&announcer->public_key, &announcer->secret_key);
  announcer->hello_timer = p2p_timer_new(config->member.loop, on_hello_timer, announcer);
  announcer->reply_timer = p2p_timer_new(config->member.loop, on_reply_timer, announcer);
  int code =
      announcer->hello_timer == NULL || announcer->reply_timer == NULL
          ? p2p_err_set(err, P2P_ERR_MEMORY, "out of memory")
          : p2p_member_new(&config->member, &member_callbacks, announcer, &announcer->member, err);
  if (code == P2P_OK) {
    announcer->attendance = p2p_attendance_new(config->member.loop, announcer->member,
                                               P2P_ROLE_WORKER, describe, announcer);
    if (announcer->attendance == NULL) code = p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
  }
  if (code != P2P_OK) {
    p2p_announcer_free(announcer);
    return code;
  }
  *out = announcer;
  return P2P_OK;
}

void p2p_announcer_set_load(struct p2p_announcer *announcer, const struct p2p_load *load) {
  bool is_other_state = strcmp(announcer->load.state, load->state) != 0;
  announcer->load = *load;
  if (is_other_state) send_hello(announcer);
}

void p2p_announcer_leave(struct p2p_announcer *announcer) {
  struct p2p_line line;
  if (announcer->left) return;
  announcer->left = true;
  p2p_attendance_free(announcer->attendance);
  announcer->attendance = NULL;
  if (p2p_leave_write(&line, p2p_member_identity(announcer->member), time(NULL)) == P2P_OK)
    (void)p2p_member_send(announcer->member, &line);
}

void p2p_announcer_free(struct p2p_announcer *announcer) {
  if (announcer == NULL) return;
  p2p_timer_free(announcer->hello_timer);
  p2p_timer_free(announcer->reply_timer);
  p2p_attendance_free(announcer->attendance);
  p2p_member_free(announcer->member);
  p2p_wipe(announcer, sizeof *announcer);
  free(announcer);
}

const struct p2p_member *p2p_announcer_member(const struct p2p_announcer *announcer) {
  return announcer->member;
}

const struct p2p_seal_public *p2p_announcer_key(const struct p2p_announcer *announcer) {
  return &announcer->public_key;
}
