/* NEW, READING, then NEWCOMER or MEMBER; of a cluster without a key, KEYLESS. */
#include "board/member_keys.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "board/key_watch.h"
#include "board/line_sealer.h"
#include "board/newcomer.h"
#include "board/personal_keys.h"
#include "board/registrar.h"
#include "proc/secrecy.h"

#define ENROL_MS 10000 /* how long a newcomer waits, at most */
#define RENEW_MS 60000 /* and a member whose key is an old one */

enum state {
  STATE_NEW,
  STATE_READING,  /* the files */
  STATE_NEWCOMER, /* has no key yet */
  STATE_MEMBER,
  STATE_KEYLESS /* a member of a cluster that has no key */
};

struct p2p_member_keys {
  struct p2p_member_keys_config config;
  struct p2p_member_keys_callbacks callbacks;
  void *arg;
  enum state state;
  struct p2p_key_files files;
  struct p2p_device device;
  struct p2p_membership membership;
  struct p2p_epoch epoch; /* host */
  uint32_t heard;         /* the last epoch whose line we have followed */
  struct p2p_personal_keys personal;
  struct p2p_line_sealer *sealer;
  struct p2p_job *job;
  struct p2p_connection *connection; /* NULL: none has joined */
  struct p2p_newcomer *newcomer;     /* also of a member, for a new key */
  uint32_t renewing;                 /* the epoch of that key; 0: it has no number */
  struct p2p_registrar *registrar;   /* NULL: others give the key away */
  struct p2p_key_watch *watch;       /* host */
  bool is_freed, has_owner;          /* has_owner: the one in the membership is known */
  struct p2p_post free_post;         /* frees the memory after the callbacks that are running */
};

static bool is_personal(const struct p2p_member_keys *keys) { return keys->personal.is_personal; }

static void fail(struct p2p_member_keys *keys, const struct p2p_err *err) {
  keys->callbacks.on_failed(keys->arg, err);
}

/* ---- the key ---- */

/* From now on we seal with this key, and give it to others where that is up to us. */
static int use(struct p2p_member_keys *keys, const struct p2p_membership *membership,
               struct p2p_err *err) {
  struct p2p_credentials credentials;
  struct p2p_sign_secret owner = keys->device.secret_key;
  keys->membership = *membership;
  keys->has_owner = true;
  p2p_membership_credentials(membership, keys->files.cluster, &keys->device, &credentials);
  if (is_personal(keys)) p2p_cluster_key_owner(&credentials.key, keys->files.cluster, &owner);
  if (keys->registrar != NULL) p2p_registrar_set_owner(keys->registrar, &owner);
  if (keys->sealer != NULL)
    p2p_line_sealer_set(keys->sealer, &credentials);
  else
    keys->sealer = p2p_line_sealer_new(&credentials);
  p2p_wipe(&credentials, sizeof credentials);
  p2p_wipe(&owner, sizeof owner);
  keys->state = STATE_MEMBER;
  return keys->sealer != NULL ? P2P_OK : p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
}

/* ---- enrolling ---- */

static void end_enrolment(struct p2p_member_keys *keys) {
  p2p_newcomer_free(keys->newcomer);
  keys->newcomer = NULL;
}

static void on_key(void *arg, const struct p2p_key_job *kept) {
  struct p2p_member_keys *keys = arg;
  struct p2p_err err;
  bool is_new = keys->state == STATE_NEWCOMER;
  end_enrolment(keys);
  keys->personal.is_alone = kept->is_alone;
  if (use(keys, &kept->membership, &err) != P2P_OK) {
    fail(keys, &err);
    return;
  }
  if (is_new && keys->registrar != NULL) p2p_registrar_connect(keys->registrar, keys->connection);
  if (is_new)
    keys->callbacks.on_enrolled(keys->arg);
  else
    keys->callbacks.on_renewed(keys->arg);
}

static void on_keyless(void *arg) {
  struct p2p_member_keys *keys = arg;
  end_enrolment(keys);
  keys->state = STATE_KEYLESS;
  keys->callbacks.on_enrolled(keys->arg);
}

/* A member without the new key goes on with the old one, unless the owner has refused it. What
 * other devices say does not end it. */
static void on_no_key(void *arg, const struct p2p_err *err) {
  struct p2p_member_keys *keys = arg;
  const struct p2p_err copy = *err;
  bool is_refused = copy.code != P2P_ERR_TIMEOUT &&
                    (copy.reason == NULL || strcmp(copy.reason, "owner_changed") != 0);
  end_enrolment(keys);
  if (keys->state == STATE_NEWCOMER || is_refused)
    fail(keys, &copy);
  else if (keys->config.log != NULL)
    p2p_log_write(keys->config.log, P2P_LOG_DEBUG, "%s", copy.message);
}

static int new_enrolment(struct p2p_member_keys *keys, bool can_vouch) {
  static const struct p2p_newcomer_callbacks callbacks = {on_key, on_keyless, on_no_key};
  const struct p2p_membership *membership = &keys->membership;
  struct p2p_newcomer_config config = {
      .loop = keys->config.loop,
      .log = keys->config.log,
      .files = &keys->files,
      .enrolment = {.from = *keys->config.from,
                    .device = keys->device,
                    .is_invited = membership->is_invited,
                    .invitation = membership->invitation,
                    .has_owner = !is_personal(keys) && keys->has_owner,
                    .owner = membership->grant.owner,
                    .can_vouch = can_vouch,
                    .is_personal = is_personal(keys),
                    .epoch = is_personal(keys) ? 0 : membership->grant.epoch,
                    .may_make = is_personal(keys) && keys->state == STATE_NEWCOMER}};
  end_enrolment(keys);
  int code = p2p_newcomer_new(&config, &callbacks, keys, &keys->newcomer);
  p2p_wipe(&config, sizeof config);
  return code;
}

int p2p_member_keys_write_enrol(struct p2p_member_keys *keys, bool can_vouch,
                                struct p2p_line *out) {
  int code = new_enrolment(keys, can_vouch);
  return code == P2P_OK ? p2p_newcomer_write(keys->newcomer, out) : code;
}

/* Asks for the key of `epoch` (0: personal, another key), unless we do so already. */
static void renew(struct p2p_member_keys *keys, uint32_t epoch) {
  if (keys->connection == NULL || (keys->newcomer != NULL && keys->renewing >= epoch)) return;
  keys->renewing = epoch;
  if (new_enrolment(keys, false) == P2P_OK)
    p2p_newcomer_start(keys->newcomer, keys->connection, epoch == 0 ? ENROL_MS : RENEW_MS);
}

/* ---- lines ---- */

static void begin_epoch(struct p2p_member_keys *keys, const struct p2p_epoch *epoch) {
  const struct p2p_grant *grant = &keys->membership.grant;
  bool is_known = keys->newcomer != NULL && keys->renewing >= epoch->epoch;
  if (keys->config.role == P2P_ROLE_HOST || is_personal(keys) || is_known ||
      !p2p_sign_same(&epoch->owner, &grant->owner) || epoch->epoch < grant->epoch)
    return;
  if (epoch->epoch > grant->epoch) {
    p2p_line_sealer_expel(keys->sealer, epoch->expelled, epoch->n_expelled);
    renew(keys, epoch->epoch);
  }
  /* Once also in our epoch, whose key another process may have got; a device may be back later. */
  if (epoch->n_expelled > 0 && (epoch->epoch > grant->epoch || keys->heard != epoch->epoch))
    keys->callbacks.on_expelled(keys->arg, epoch->expelled, epoch->n_expelled);
  keys->heard = epoch->epoch;
}

/* A plain-text line. False if it does not belong in a cluster with a key. */
static bool read_clear(struct p2p_member_keys *keys, const struct p2p_line *line) {
  static const char *const others[] = {"enrol", "enrolled", "refused"};
  struct p2p_epoch epoch;
  int code = p2p_epoch_read(line, keys->files.cluster, &epoch);
  if (code == P2P_OK) begin_epoch(keys, &epoch);
  if (code != P2P_ERR_CANCELED) return code == P2P_OK;
  for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
    if (p2p_line_is(line, others[i])) return true;
  return false;
}

/* A line of another key. The host helps those who have missed an epoch. */
static void hear_other_key(struct p2p_member_keys *keys, const struct p2p_line *line) {
  if (keys->watch != NULL) p2p_key_watch_announce(keys->watch);
  p2p_personal_keys_hear(&keys->personal, p2p_line_get(line, "kid"),
                         p2p_line_sealer_credentials(keys->sealer)->key.id);
}

int p2p_member_keys_open(struct p2p_member_keys *keys, const struct p2p_line *line,
                         struct p2p_line *out) {
  if (keys->newcomer != NULL) p2p_newcomer_read(keys->newcomer, line);
  if (keys->is_freed) return P2P_ERR_CLOSED;
  if (keys->registrar != NULL && p2p_registrar_read(keys->registrar, line)) return P2P_ERR_CLOSED;
  if (keys->state == STATE_KEYLESS) return P2P_ERR_CANCELED;
  if (keys->sealer == NULL) return P2P_ERR_CLOSED;
  int code = p2p_line_sealer_open(keys->sealer, line, out);
  if (code == P2P_ERR_ACCESS) hear_other_key(keys, line);
  if (code == P2P_ERR_CANCELED) return read_clear(keys, line) ? P2P_ERR_CLOSED : P2P_ERR_PARSE;
  return code;
}

int p2p_member_keys_seal(struct p2p_member_keys *keys, const struct p2p_line *line,
                         struct p2p_line *out) {
  return keys->sealer == NULL ? P2P_ERR_CANCELED : p2p_line_sealer_seal(keys->sealer, line, out);
}

/* ---- the files ---- */

static void on_shared(void *arg) {
  struct p2p_member_keys *keys = arg;
  keys->personal.is_alone = false;
}

static void on_other_key(void *arg) { renew(arg, 0); }

static int start_registrar(struct p2p_member_keys *keys, struct p2p_err *err) {
  const struct p2p_registrar_config config = {.loop = keys->config.loop,
                                              .log = keys->config.log,
                                              .files = &keys->files,
                                              .from = keys->config.from,
                                              .users = keys->config.users,
                                              .is_invite_only = keys->config.is_invite_only,
                                              .is_personal = is_personal(keys),
                                              .is_keyless = keys->config.is_keyless,
                                              .on_shared = on_shared,
                                              .arg = keys};
  if (keys->config.role != P2P_ROLE_HOST && !is_personal(keys)) return P2P_OK;
  int code = p2p_registrar_new(&config, &keys->registrar, err);
  if (code == P2P_OK) p2p_registrar_set_owner(keys->registrar, &keys->device.secret_key);
  return code;
}

static void on_next_epoch(void *arg, const struct p2p_membership *membership) {
  struct p2p_member_keys *keys = arg;
  struct p2p_err err;
  if (use(keys, membership, &err) != P2P_OK) {
    fail(keys, &err);
    return;
  }
  if (keys->config.log != NULL)
    p2p_log_write(keys->config.log, P2P_LOG_INFO, "cluster '%s' has a new key",
                  keys->files.cluster);
  keys->callbacks.on_renewed(keys->arg);
}

static void send(void *arg, const struct p2p_line *line) {
  struct p2p_member_keys *keys = arg;
  if (keys->connection != NULL) (void)p2p_connection_send(keys->connection, line);
}

static int start_watch(struct p2p_member_keys *keys, struct p2p_err *err) {
  static const struct p2p_key_watch_callbacks callbacks = {on_next_epoch, send};
  const struct p2p_key_watch_config config = {.loop = keys->config.loop,
                                              .log = keys->config.log,
                                              .files = &keys->files,
                                              .device = &keys->device,
                                              .from = keys->config.from};
  if (keys->config.role != P2P_ROLE_HOST || keys->config.is_keyless) return P2P_OK;
  return p2p_key_watch_new(&config, &keys->epoch, &callbacks, keys, &keys->watch, err);
}

static int settle(struct p2p_member_keys *keys, const struct p2p_key_job *result,
                  struct p2p_err *err) {
  *err = result->err;
  if (result->code != P2P_OK) return result->code;
  keys->device = result->device;
  keys->membership = result->membership;
  keys->has_owner = result->has_owner;
  keys->epoch = result->epoch;
  keys->personal.is_alone = result->is_alone;
  keys->state = result->task == P2P_KEY_DEVICE ? STATE_KEYLESS : STATE_NEWCOMER;
  int code = start_registrar(keys, err);
  if (code == P2P_OK && result->exists && result->membership.is_enrolled)
    code = use(keys, &result->membership, err);
  return code == P2P_OK ? start_watch(keys, err) : code;
}

static void on_read(void *arg, const struct p2p_key_job *result) {
  struct p2p_member_keys *keys = arg;
  struct p2p_err err;
  keys->job = NULL;
  if (settle(keys, result, &err) == P2P_OK)
    keys->callbacks.on_ready(keys->arg);
  else
    fail(keys, &err);
}

void p2p_member_keys_prepare(struct p2p_member_keys *keys, const char *user,
                             const struct p2p_cluster *cluster) {
  bool is_host = keys->config.role == P2P_ROLE_HOST;
  struct p2p_key_job job = {.task = !is_host                  ? P2P_KEY_READ
                                    : keys->config.is_keyless ? P2P_KEY_DEVICE
                                                              : P2P_KEY_OWN};
  struct p2p_err err;
  if (keys->state == STATE_READING) return;
  if (keys->state != STATE_NEW) {
    keys->callbacks.on_ready(keys->arg);
    return;
  }
  snprintf(keys->files.account, sizeof keys->files.account, "%s", user);
  snprintf(keys->files.cluster, sizeof keys->files.cluster, "%s/%s", cluster->owner, cluster->name);
  keys->personal.is_personal =
      !is_host && strcmp(user, cluster->owner) == 0 && p2p_cluster_is_personal(keys->files.cluster);
  job.files = keys->files;
  job.is_personal = is_personal(keys);
  job.is_default = job.is_personal && !keys->config.has_cluster;
  keys->state = STATE_READING;
  if (p2p_key_job_start(keys->config.loop, &job, on_read, keys, &keys->job, &err) != P2P_OK)
    fail(keys, &err);
}

/* ---- for the member ---- */

const struct p2p_sign_public *p2p_member_keys_device(const struct p2p_member_keys *keys) {
  bool is_attested = keys->state == STATE_NEWCOMER || keys->config.role == P2P_ROLE_HOST;
  if (keys->files.folder[0] == '\0' || !p2p_address_may_vouch(keys->config.address)) return NULL;
  return is_attested ? &keys->device.public_key : NULL;
}

bool p2p_member_keys_is_newcomer(const struct p2p_member_keys *keys) {
  return keys->state == STATE_NEWCOMER;
}

const struct p2p_credentials *p2p_member_keys_credentials(const struct p2p_member_keys *keys) {
  return keys->sealer == NULL ? NULL : p2p_line_sealer_credentials(keys->sealer);
}

void p2p_member_keys_connect(struct p2p_member_keys *keys, struct p2p_connection *connection,
                             uint32_t left_ms) {
  keys->connection = connection;
  if (keys->state == STATE_NEWCOMER)
    p2p_newcomer_await(keys->newcomer, connection, left_ms < ENROL_MS ? left_ms : ENROL_MS);
  else if (keys->registrar != NULL)
    p2p_registrar_connect(keys->registrar, connection);
  if (keys->watch != NULL) p2p_key_watch_announce(keys->watch);
}

void p2p_member_keys_disconnect(struct p2p_member_keys *keys) {
  keys->connection = NULL;
  end_enrolment(keys);
  if (keys->registrar != NULL) p2p_registrar_disconnect(keys->registrar);
}

int p2p_member_keys_new(const struct p2p_member_keys_config *config,
                        const struct p2p_member_keys_callbacks *callbacks, void *arg,
                        struct p2p_member_keys **out, struct p2p_err *err) {
  struct p2p_member_keys *keys = calloc(1, sizeof *keys);
  if (keys == NULL) return p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
  p2p_secrecy_begin();
  keys->config = *config;
  keys->callbacks = *callbacks;
  keys->arg = arg;
  int code = p2p_personal_keys_init(&keys->personal, config->loop);
  if (code == P2P_OK && config->credentials != NULL) {
    keys->sealer = p2p_line_sealer_new(config->credentials);
    keys->state = STATE_MEMBER;
    if (keys->sealer == NULL) code = P2P_ERR_MEMORY;
  }
  if (code != P2P_OK) p2p_err_set(err, code, "out of memory");
  if (code == P2P_OK && config->credentials == NULL)
    code = p2p_key_files_set(&keys->files, config->folder, config->address, err);
  keys->personal.log = config->log;
  keys->personal.cluster = keys->files.cluster;
  keys->personal.renew = on_other_key;
  keys->personal.arg = keys;
  if (code == P2P_OK)
    *out = keys;
  else
    p2p_member_keys_free(keys);
  return code;
}

static void free_memory(void *arg) {
  struct p2p_member_keys *keys = arg;
  p2p_line_sealer_free(keys->sealer);
  p2p_wipe(keys, sizeof *keys);
  free(keys);
  p2p_secrecy_end();
}

void p2p_member_keys_free(struct p2p_member_keys *keys) {
  if (keys == NULL) return;
  p2p_member_keys_disconnect(keys);
  p2p_job_cancel(keys->job);
  p2p_registrar_free(keys->registrar);
  p2p_key_watch_free(keys->watch);
  p2p_personal_keys_clear(&keys->personal);
  keys->registrar = NULL;
  keys->is_freed = true;
  keys->free_post = (struct p2p_post){.fn = free_memory, .arg = keys};
  p2p_loop_defer(keys->config.loop, &keys->free_post);
}
