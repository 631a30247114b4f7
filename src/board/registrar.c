/* One request at a time: ATTEST (personal, once per connection), VOUCH, ADMIT, answer. */
#include "board/registrar.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/clock.h"
#include "board/attestation.h"
#include "board/enrol_queue.h"
#include "board/topic.h"
#include "net/timer.h"

#define BOARD_ANSWERS_MS 5000

enum state {
  STATE_IDLE,
  STATE_ATTEST, /* the board is asked to remember that the owner's key is ours */
  STATE_VOUCH,  /* the board is asked whose the device is */
  STATE_ADMIT   /* the file of members is being read */
};

struct p2p_registrar {
  struct p2p_registrar_config config;
  struct p2p_connection *connection; /* NULL: disconnected */
  struct p2p_sign_secret owner;
  struct p2p_sign_public owner_key;
  struct p2p_enrol_queue queue;
  enum state state;
  bool can_vouch;    /* the board, on this connection */
  bool has_attested; /* personal: the owner's key, on this connection */
  struct p2p_enrol_case request;
  struct p2p_timer *timer;
  struct p2p_command_output *output;
  struct p2p_job *job;
  struct p2p_enrol refused; /* the last one that was logged */
};

static void take_next(struct p2p_registrar *registrar);

/* ---- the answer ---- */

static const char *cluster_of(const struct p2p_registrar *registrar) {
  return registrar->config.files->cluster;
}

static struct p2p_owner_device owner_device(const struct p2p_registrar *registrar) {
  return (struct p2p_owner_device){.cluster = cluster_of(registrar),
                                   .from = registrar->config.from,
                                   .secret = &registrar->owner};
}

static void write_grant(struct p2p_registrar *registrar, const struct p2p_membership *membership) {
  const struct p2p_enrol_case *request = &registrar->request;
  const struct p2p_owner_device owner = owner_device(registrar);
  struct p2p_grant grant = membership->grant;
  struct p2p_line line;
  snprintf(grant.user, sizeof grant.user, "%s", request->user);
  p2p_grant_certify(&grant, cluster_of(registrar), &request->request.device, &registrar->owner);
  if (p2p_grant_write(&line, &grant, &request->request.device, &owner, time(NULL)) == P2P_OK)
    (void)p2p_connection_send(registrar->connection, &line);
  p2p_wipe(&grant, sizeof grant);
}

static void write_refusal(struct p2p_registrar *registrar, enum p2p_refusal why) {
  const struct p2p_owner_device owner = owner_device(registrar);
  struct p2p_line line;
  if (p2p_refused_write(&line, why, registrar->request.request.from.id, &owner, time(NULL)) ==
      P2P_OK)
    (void)p2p_connection_send(registrar->connection, &line);
}

static void log_grant(const struct p2p_registrar *registrar) {
  char fingerprint[P2P_FINGERPRINT_MAX];
  p2p_fingerprint(&registrar->request.request.device, fingerprint);
  p2p_log_write(registrar->config.log, P2P_LOG_NOTICE,
                "gave the key of cluster '%s' to '%s', device %s", cluster_of(registrar),
                registrar->request.user, fingerprint);
}

/* A device asks every two seconds. */
static bool was_logged(struct p2p_registrar *registrar) {
  const struct p2p_enrol *request = &registrar->request.request;
  bool is_same = p2p_sign_same(&request->device, &registrar->refused.device) &&
                 strcmp(request->from.name, registrar->refused.from.name) == 0;
  registrar->refused = *request;
  return is_same;
}

static void log_refusal(struct p2p_registrar *registrar, enum p2p_refusal why) {
  static const char *const reasons[] = {
      [P2P_REFUSAL_UNLISTED] = "the user is not on its list",
      [P2P_REFUSAL_DEVICE] = "the user already has another device",
      [P2P_REFUSAL_INVITE] = "there is no invitation for it",
      [P2P_REFUSAL_EXPELLED] = "the user or the device was expelled",
      [P2P_REFUSAL_KEYLESS] = "the cluster has no key"};
  char fingerprint[P2P_FINGERPRINT_MAX];
  struct p2p_err err;
  if (registrar->config.log == NULL || was_logged(registrar)) return;
  p2p_fingerprint(&registrar->request.request.device, fingerprint);
  int code = p2p_err_set(&err, P2P_ERR_ACCESS,
                         "did not give the key of cluster '%s' to '%s', device %s: %s",
                         cluster_of(registrar), registrar->request.user, fingerprint, reasons[why]);
  if (why == P2P_REFUSAL_DEVICE || why == P2P_REFUSAL_INVITE) {
    p2p_err_because(&err, why == P2P_REFUSAL_DEVICE ? "approve_device" : "invite_device", code);
    p2p_log_error(registrar->config.log, P2P_LOG_WARN, &err);
  } else {
    p2p_log_write(registrar->config.log, why == P2P_REFUSAL_KEYLESS ? P2P_LOG_DEBUG : P2P_LOG_INFO,
                  "%s", err.message);
  }
}

static void refuse(struct p2p_registrar *registrar, enum p2p_refusal why) {
  log_refusal(registrar, why);
  if (!registrar->config.is_personal) write_refusal(registrar, why);
}

/* False if another process has changed the files and this one has not noticed yet. */
static bool is_our_owner(const struct p2p_registrar *registrar,
                         const struct p2p_membership *membership) {
  return membership->is_enrolled && p2p_sign_same(&membership->grant.owner, &registrar->owner_key);
}

static void answer(struct p2p_registrar *registrar, const struct p2p_key_job *result) {
  if (result->code != P2P_OK) {
    struct p2p_err err = result->err;
    p2p_err_prefix(&err, "'%s' does not get the key of cluster '%s'", registrar->request.user,
                   cluster_of(registrar));
    if (registrar->config.log != NULL) p2p_log_error(registrar->config.log, P2P_LOG_WARN, &err);
  } else if (result->verdict == P2P_ENROL_REFUSED) {
    refuse(registrar, result->why);
  } else if (is_our_owner(registrar, &result->membership)) {
    bool is_new = result->verdict == P2P_ENROL_NEW;
    if (is_new && registrar->config.log != NULL) log_grant(registrar);
    if (is_new && registrar->config.on_shared != NULL)
      registrar->config.on_shared(registrar->config.arg);
    write_grant(registrar, &result->membership);
  }
}

/* ---- the steps ---- */

static void on_admitted(void *arg, const struct p2p_key_job *result) {
  struct p2p_registrar *registrar = arg;
  registrar->job = NULL;
  if (registrar->connection != NULL) answer(registrar, result);
  registrar->state = STATE_IDLE;
  take_next(registrar);
}

static void admit(struct p2p_registrar *registrar) {
  const struct p2p_key_job job = {
      .task = P2P_KEY_ADMIT, .files = *registrar->config.files, .request = registrar->request};
  struct p2p_err err;
  p2p_timer_stop(registrar->timer);
  registrar->state = STATE_ADMIT;
  if (p2p_key_job_start(registrar->config.loop, &job, on_admitted, registrar, &registrar->job,
                        &err) != P2P_OK)
    registrar->state = STATE_IDLE; /* out of memory: the device asks again */
}

/* Asks the board. If it does not answer in time, the timer goes on without an answer. */
static bool ask(struct p2p_registrar *registrar, const char *command,
                void (*fn)(void *arg, const char *text, size_t length)) {
  p2p_command_output_free(registrar->output);
  registrar->output = NULL;
  p2p_timer_start(registrar->timer, BOARD_ANSWERS_MS, 0);
  return p2p_connection_ask(registrar->connection, command, fn, registrar, &registrar->output) ==
         P2P_OK;
}

static void on_vouched(void *arg, const char *text, size_t length) {
  struct p2p_registrar *registrar = arg;
  if (registrar->state != STATE_VOUCH) return;
  registrar->request.is_vouched =
      text != NULL && p2p_attested_lists(text, length, registrar->request.user);
  admit(registrar);
}

/* In a personal cluster, a board that cannot vouch lets only our own user write. */
static void vouch(struct p2p_registrar *registrar) {
  char command[P2P_ATTEST_COMMAND_MAX];
  registrar->request.can_vouch = registrar->can_vouch || registrar->config.is_personal;
  registrar->request.is_vouched = !registrar->can_vouch && registrar->config.is_personal;
  p2p_attested_command(&registrar->request.request.device, command);
  registrar->state = STATE_VOUCH;
  if (!registrar->can_vouch || !ask(registrar, command, on_vouched)) admit(registrar);
}

static void on_attested(void *arg, const char *text, size_t length) {
  struct p2p_registrar *registrar = arg;
  if (registrar->state != STATE_ATTEST) return;
  registrar->has_attested = true;
  registrar->can_vouch = text != NULL && p2p_attest_is_done(text, length);
  vouch(registrar);
}

static void attest(struct p2p_registrar *registrar) {
  char command[P2P_ATTEST_COMMAND_MAX];
  p2p_attest_command(&registrar->owner_key, command);
  registrar->state = STATE_ATTEST;
  if (!ask(registrar, command, on_attested)) vouch(registrar);
}

static void begin(struct p2p_registrar *registrar) {
  struct p2p_enrol_case *request = &registrar->request;
  const char *users = registrar->config.users;
  char owner[P2P_USER_NAME_MAX];
  p2p_cluster_owner(cluster_of(registrar), owner);
  p2p_member_name_user(request->request.from.name, request->user);
  request->is_listed = strcmp(request->user, owner) == 0 ||
                       (users != NULL && p2p_users_include(users, strlen(users), request->user,
                                                           strlen(request->user)));
  request->is_invite_only = registrar->config.is_invite_only;
  if (registrar->config.is_keyless)
    refuse(registrar, P2P_REFUSAL_KEYLESS);
  else if (!request->is_listed)
    refuse(registrar, P2P_REFUSAL_UNLISTED);
  else if (registrar->config.is_personal && !registrar->has_attested)
    attest(registrar);
  else
    vouch(registrar);
}

static void take_next(struct p2p_registrar *registrar) {
  uint64_t wait_ms;
  while (registrar->state == STATE_IDLE && registrar->connection != NULL) {
    memset(&registrar->request, 0, sizeof registrar->request);
    if (p2p_enrol_queue_take(&registrar->queue, p2p_clock_ms(), &registrar->request.request,
                             &wait_ms)) {
      begin(registrar);
      continue;
    }
    if (wait_ms > 0) p2p_timer_start(registrar->timer, wait_ms, 0);
    return;
  }
}

/* The board did not answer, or the next request may be taken. */
static void on_timer(void *arg) {
  struct p2p_registrar *registrar = arg;
  switch (registrar->state) {
  case STATE_IDLE: take_next(registrar); break;
  case STATE_ATTEST: on_attested(registrar, NULL, 0); break;
  case STATE_VOUCH: on_vouched(registrar, NULL, 0); break;
  case STATE_ADMIT: break;
  }
}

/* ---- for the owner ---- */

bool p2p_registrar_read(struct p2p_registrar *registrar, const struct p2p_line *line) {
  struct p2p_enrol request;
  int code = p2p_enrol_read(line, cluster_of(registrar), &request);
  if (code == P2P_OK && strcmp(request.from.id, registrar->config.from->id) != 0 &&
      p2p_enrol_queue_put(&registrar->queue, &request))
    take_next(registrar);
  return code != P2P_ERR_CANCELED;
}

void p2p_registrar_connect(struct p2p_registrar *registrar, struct p2p_connection *connection) {
  registrar->connection = connection;
  registrar->can_vouch = p2p_connection_has_attested(connection);
  registrar->has_attested = false;
  take_next(registrar);
}

void p2p_registrar_disconnect(struct p2p_registrar *registrar) {
  registrar->connection = NULL;
  registrar->queue.n = 0; /* they ask again */
  p2p_command_output_free(registrar->output);
  registrar->output = NULL;
  if (registrar->state == STATE_ADMIT) return;
  registrar->state = STATE_IDLE;
  p2p_timer_stop(registrar->timer);
}

void p2p_registrar_set_owner(struct p2p_registrar *registrar, const struct p2p_sign_secret *owner) {
  registrar->owner = *owner;
  p2p_sign_public_of(owner, &registrar->owner_key);
  registrar->has_attested = false;
}

int p2p_registrar_new(const struct p2p_registrar_config *config, struct p2p_registrar **out,
                      struct p2p_err *err) {
  struct p2p_registrar *registrar = calloc(1, sizeof *registrar);
  if (registrar == NULL) return p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
  registrar->config = *config;
  registrar->timer = p2p_timer_new(config->loop, on_timer, registrar);
  if (registrar->timer == NULL) {
    p2p_registrar_free(registrar);
    return p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
  }
  *out = registrar;
  return P2P_OK;
}

void p2p_registrar_free(struct p2p_registrar *registrar) {
  if (registrar == NULL) return;
  p2p_job_cancel(registrar->job);
  p2p_command_output_free(registrar->output);
  p2p_timer_free(registrar->timer);
  p2p_wipe(registrar, sizeof *registrar);
  free(registrar);
}
