/* What the steps of an enrolment need: time, the board and the files. */
#include "board/newcomer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/clock.h"
#include "board/attestation.h"
#include "net/timer.h"

#define BOARD_ANSWERS_MS 5000

struct p2p_newcomer {
  struct p2p_loop *loop;
  struct p2p_log_queue *log;
  const struct p2p_key_files *files;
  struct p2p_enrolment enrolment;
  struct p2p_newcomer_callbacks callbacks;
  void *arg;
  struct p2p_connection *connection; /* NULL: not yet */
  bool is_attesting;                 /* the timer is for that */
  bool is_making;                    /* the job makes a key */
  uint32_t wait_ms;
  struct p2p_timer *timer;
  struct p2p_command_output *output;
  struct p2p_job *job;
};

static void take(struct p2p_newcomer *newcomer, enum p2p_enrolment_step step);

/* ---- steps ---- */

static void wait_until_due(struct p2p_newcomer *newcomer) {
  uint64_t now_ms = p2p_clock_ms(), due_ms = p2p_enrolment_due_ms(&newcomer->enrolment);
  p2p_timer_start(newcomer->timer, due_ms > now_ms ? due_ms - now_ms : 0, 0);
}

static void write_line(struct p2p_newcomer *newcomer) {
  struct p2p_line line;
  if (p2p_newcomer_write(newcomer, &line) == P2P_OK)
    (void)p2p_connection_send(newcomer->connection, &line); /* else again in two seconds */
  wait_until_due(newcomer);
}

static void on_attested_output(void *arg, const char *text, size_t length) {
  struct p2p_newcomer *newcomer = arg;
  char owner[P2P_USER_NAME_MAX];
  p2p_cluster_owner(newcomer->files->cluster, owner);
  bool is_owner = text != NULL && p2p_attested_lists(text, length, owner);
  take(newcomer, p2p_enrolment_on_attested(&newcomer->enrolment, is_owner));
}

static void ask(struct p2p_newcomer *newcomer) {
  char command[P2P_ATTEST_COMMAND_MAX];
  p2p_attested_command(p2p_enrolment_owner(&newcomer->enrolment), command);
  p2p_command_output_free(newcomer->output);
  newcomer->output = NULL;
  wait_until_due(newcomer);
  if (p2p_connection_ask(newcomer->connection, command, on_attested_output, newcomer,
                         &newcomer->output) != P2P_OK)
    on_attested_output(newcomer, NULL, 0);
}

static void fail(struct p2p_newcomer *newcomer, const struct p2p_err *err) {
  p2p_timer_stop(newcomer->timer);
  newcomer->callbacks.on_failed(newcomer->arg, err);
}

static void log_key(const struct p2p_newcomer *newcomer, const struct p2p_sign_public *owner) {
  const char *cluster = newcomer->files->cluster;
  char fingerprint[P2P_FINGERPRINT_MAX], ours[P2P_FINGERPRINT_MAX];
  if (newcomer->log == NULL) return;
  p2p_fingerprint(owner, fingerprint);
  p2p_fingerprint(&newcomer->enrolment.config.device.public_key, ours);
  if (newcomer->is_making)
    p2p_log_write(newcomer->log, P2P_LOG_INFO, "made the key of cluster '%s'", cluster);
  else if (newcomer->enrolment.config.is_personal)
    p2p_log_write(newcomer->log, P2P_LOG_NOTICE,
                  "got the key of cluster '%s' from another of your devices", cluster);
  else
    p2p_log_write(newcomer->log, P2P_LOG_NOTICE,
                  "got the key of cluster '%s' from its owner's device %s; this one is %s", cluster,
                  fingerprint, ours);
}

static void warn_of_keyless(const struct p2p_newcomer *newcomer) {
  char fingerprint[P2P_FINGERPRINT_MAX];
  struct p2p_err err;
  if (newcomer->log == NULL) return;
  p2p_fingerprint(p2p_enrolment_owner(&newcomer->enrolment), fingerprint);
  p2p_err_because(&err, "keyless",
                  p2p_err_set(&err, P2P_ERR_ACCESS,
                              "the cluster '%s' has no key, says its owner's device %s",
                              newcomer->files->cluster, fingerprint));
  p2p_log_error(newcomer->log, P2P_LOG_WARN, &err);
}

static void on_kept(void *arg, const struct p2p_key_job *result) {
  struct p2p_newcomer *newcomer = arg;
  newcomer->job = NULL;
  if (result->code != P2P_OK) {
    fail(newcomer, &result->err);
    return;
  }
  log_key(newcomer, &result->membership.grant.owner);
  newcomer->callbacks.on_key(newcomer->arg, result);
}

static void work(struct p2p_newcomer *newcomer, enum p2p_key_task task) {
  const struct p2p_enrolment_config *config = &newcomer->enrolment.config;
  struct p2p_key_job job = {.task = task, .files = *newcomer->files, .device = config->device};
  struct p2p_err err;
  p2p_timer_stop(newcomer->timer);
  newcomer->is_making = task == P2P_KEY_MAKE;
  job.membership.is_enrolled = true;
  job.membership.is_invited = config->is_invited;
  job.membership.grant = *p2p_enrolment_grant(&newcomer->enrolment);
  int code = p2p_key_job_start(newcomer->loop, &job, on_kept, newcomer, &newcomer->job, &err);
  p2p_wipe(&job, sizeof job);
  if (code != P2P_OK) fail(newcomer, &err);
}

static void take(struct p2p_newcomer *newcomer, enum p2p_enrolment_step step) {
  struct p2p_err err;
  switch (step) {
  case P2P_ENROLMENT_WAIT: wait_until_due(newcomer); break;
  case P2P_ENROLMENT_WRITE: write_line(newcomer); break;
  case P2P_ENROLMENT_ASK: ask(newcomer); break;
  case P2P_ENROLMENT_GRANTED:
    work(newcomer, newcomer->enrolment.config.is_personal ? P2P_KEY_REPLACE : P2P_KEY_KEEP);
    break;
  case P2P_ENROLMENT_MAKE: work(newcomer, P2P_KEY_MAKE); break;
  case P2P_ENROLMENT_KEYLESS:
    p2p_timer_stop(newcomer->timer);
    warn_of_keyless(newcomer);
    newcomer->callbacks.on_keyless(newcomer->arg);
    break;
  case P2P_ENROLMENT_FAILED:
    p2p_enrolment_explain(&newcomer->enrolment, &err);
    fail(newcomer, &err);
    break;
  }
}

/* ---- the start ---- */

static void begin(struct p2p_newcomer *newcomer) {
  struct p2p_enrolment_config config = newcomer->enrolment.config;
  p2p_enrolment_begin(&newcomer->enrolment, &config, p2p_clock_ms(), newcomer->wait_ms);
  p2p_wipe(&config, sizeof config);
}

static void on_attest_output(void *arg, const char *text, size_t length) {
  struct p2p_newcomer *newcomer = arg;
  if (!newcomer->is_attesting) return;
  newcomer->is_attesting = false;
  newcomer->enrolment.config.can_vouch = text != NULL && p2p_attest_is_done(text, length);
  begin(newcomer);
  write_line(newcomer);
}

static void on_timer(void *arg) {
  struct p2p_newcomer *newcomer = arg;
  if (newcomer->is_attesting)
    on_attest_output(newcomer, NULL, 0);
  else
    take(newcomer, p2p_enrolment_on_time(&newcomer->enrolment, p2p_clock_ms()));
}

void p2p_newcomer_start(struct p2p_newcomer *newcomer, struct p2p_connection *connection,
                        uint32_t wait_ms) {
  char command[P2P_ATTEST_COMMAND_MAX];
  newcomer->connection = connection;
  newcomer->wait_ms = wait_ms;
  newcomer->is_attesting = true;
  p2p_attest_command(&newcomer->enrolment.config.device.public_key, command);
  p2p_timer_start(newcomer->timer, BOARD_ANSWERS_MS, 0);
  if (p2p_connection_ask(connection, command, on_attest_output, newcomer, &newcomer->output) !=
      P2P_OK)
    on_attest_output(newcomer, NULL, 0);
}

void p2p_newcomer_await(struct p2p_newcomer *newcomer, struct p2p_connection *connection,
                        uint32_t wait_ms) {
  newcomer->connection = connection;
  newcomer->wait_ms = wait_ms;
  begin(newcomer);
  wait_until_due(newcomer);
}

/* ---- for the owner ---- */

int p2p_newcomer_write(const struct p2p_newcomer *newcomer, struct p2p_line *out) {
  return p2p_enrolment_write(&newcomer->enrolment, time(NULL), out);
}

void p2p_newcomer_read(struct p2p_newcomer *newcomer, const struct p2p_line *line) {
  if (newcomer->connection == NULL || newcomer->is_attesting || newcomer->job != NULL) return;
  take(newcomer, p2p_enrolment_on_line(&newcomer->enrolment, line, p2p_clock_ms()));
}

int p2p_newcomer_new(const struct p2p_newcomer_config *config,
                     const struct p2p_newcomer_callbacks *callbacks, void *arg,
                     struct p2p_newcomer **out) {
  struct p2p_newcomer *newcomer = calloc(1, sizeof *newcomer);
  if (newcomer == NULL) return P2P_ERR_MEMORY;
  newcomer->loop = config->loop;
  newcomer->log = config->log;
  newcomer->files = config->files;
  newcomer->enrolment.config = config->enrolment;
  snprintf(newcomer->enrolment.config.cluster, sizeof newcomer->enrolment.config.cluster, "%s",
           config->files->cluster);
  newcomer->callbacks = *callbacks;
  newcomer->arg = arg;
  newcomer->timer = p2p_timer_new(config->loop, on_timer, newcomer);
  if (newcomer->timer == NULL) {
    p2p_newcomer_free(newcomer);
    return P2P_ERR_MEMORY;
  }
  *out = newcomer;
  return P2P_OK;
}

void p2p_newcomer_free(struct p2p_newcomer *newcomer) {
  if (newcomer == NULL) return;
  p2p_job_cancel(newcomer->job);
  p2p_command_output_free(newcomer->output);
  p2p_timer_free(newcomer->timer);
  p2p_wipe(newcomer, sizeof *newcomer);
  free(newcomer);
}
