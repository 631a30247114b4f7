/* A device that asks for the key of a cluster. An answer is taken from the owner that we know; from
 * the one that the board vouches for; or else from the first that answers. */
#include "board/enrolment.h"

#include <string.h>

#include "base/buf.h"

void p2p_enrolment_begin(struct p2p_enrolment *enrolment, const struct p2p_enrolment_config *config,
                         uint64_t now_ms, uint64_t wait_ms) {
  memset(enrolment, 0, sizeof *enrolment);
  enrolment->config = *config;
  p2p_member_name_user(config->from.name, enrolment->user);
  enrolment->write_ms = now_ms + P2P_ENROL_REPEAT_MS;
  enrolment->alone_ms = config->may_make ? now_ms + P2P_ENROL_ALONE_MS : UINT64_MAX;
  enrolment->end_ms = now_ms + wait_ms;
}

int p2p_enrolment_write(const struct p2p_enrolment *enrolment, time_t now, struct p2p_line *out) {
  const struct p2p_enrolment_config *config = &enrolment->config;
  const struct p2p_enrol enrol = {.from = config->from, .device = config->device.public_key};
  return p2p_enrol_write(out, &enrol, config->cluster, &config->device.secret_key,
                         config->is_invited ? &config->invitation : NULL, now);
}

const struct p2p_sign_public *p2p_enrolment_owner(const struct p2p_enrolment *enrolment) {
  return enrolment->answer == P2P_ANSWER_REFUSAL ? &enrolment->refused.owner
                                                 : &enrolment->grant.owner;
}

const struct p2p_grant *p2p_enrolment_grant(const struct p2p_enrolment *enrolment) {
  return &enrolment->grant;
}

/* ---- whom to believe ---- */

static bool is_impostor(const struct p2p_enrolment *enrolment,
                        const struct p2p_sign_public *owner) {
  return enrolment->n_impostors == P2P_ENROL_IMPOSTORS_MAX ||
         p2p_device_is_among(owner, enrolment->impostors, enrolment->n_impostors);
}

/* In a personal cluster the owner's key comes from the secret. */
static bool speaks_for_owner(const struct p2p_enrolment *enrolment, const struct p2p_grant *grant) {
  struct p2p_cluster_key key;
  struct p2p_sign_secret secret;
  struct p2p_sign_public owner;
  if (!enrolment->config.is_personal) return true;
  p2p_cluster_key_derive(enrolment->config.cluster, grant->epoch, grant->secret, &key);
  p2p_cluster_key_owner(&key, enrolment->config.cluster, &secret);
  p2p_sign_public_of(&secret, &owner);
  p2p_wipe(&key, sizeof key);
  p2p_wipe(&secret, sizeof secret);
  return p2p_sign_same(&owner, &grant->owner);
}

static enum p2p_enrolment_step accept(struct p2p_enrolment *enrolment) {
  enrolment->is_asking = false;
  if (enrolment->answer == P2P_ANSWER_GRANT) return P2P_ENROLMENT_GRANTED;
  return enrolment->refused.reason == P2P_REFUSAL_KEYLESS ? P2P_ENROLMENT_KEYLESS
                                                          : P2P_ENROLMENT_FAILED;
}

static enum p2p_enrolment_step forget(struct p2p_enrolment *enrolment) {
  p2p_wipe(&enrolment->grant, sizeof enrolment->grant);
  enrolment->answer = P2P_ANSWER_NONE;
  enrolment->is_asking = false;
  return P2P_ENROLMENT_WAIT;
}

/* An answer has arrived. */
static enum p2p_enrolment_step weigh(struct p2p_enrolment *enrolment) {
  const struct p2p_enrolment_config *config = &enrolment->config;
  const struct p2p_sign_public *owner = p2p_enrolment_owner(enrolment);
  if (config->has_owner) {
    if (p2p_sign_same(owner, &config->owner)) return accept(enrolment);
    enrolment->has_other_owner = true;
    return forget(enrolment);
  }
  if (!config->can_vouch) return accept(enrolment);
  if (is_impostor(enrolment, owner)) return forget(enrolment);
  enrolment->is_asking = true;
  return P2P_ENROLMENT_ASK;
}

enum p2p_enrolment_step p2p_enrolment_on_attested(struct p2p_enrolment *enrolment, bool is_owner) {
  if (!enrolment->is_asking) return P2P_ENROLMENT_WAIT;
  if (is_owner) return accept(enrolment);
  if (enrolment->n_impostors < P2P_ENROL_IMPOSTORS_MAX)
    enrolment->impostors[enrolment->n_impostors++] = *p2p_enrolment_owner(enrolment);
  return forget(enrolment);
}

/* ---- lines ---- */

/* Accounts of one computer share its device, so the user counts, too. */
static bool is_ours(const struct p2p_enrolment *enrolment, const struct p2p_grant *grant) {
  return strcmp(grant->user, enrolment->user) == 0 && grant->epoch > enrolment->config.epoch &&
         speaks_for_owner(enrolment, grant);
}

static enum p2p_enrolment_step read_grant(struct p2p_enrolment *enrolment,
                                          const struct p2p_line *line) {
  struct p2p_grant grant;
  enum p2p_enrolment_step step = P2P_ENROLMENT_WAIT;
  if (p2p_grant_read(line, enrolment->config.cluster, &enrolment->config.device.secret_key,
                     &grant) != P2P_OK)
    return step;
  if (is_ours(enrolment, &grant)) {
    enrolment->grant = grant;
    enrolment->answer = P2P_ANSWER_GRANT;
    step = weigh(enrolment);
  }
  p2p_wipe(&grant, sizeof grant);
  return step;
}

static enum p2p_enrolment_step read_refusal(struct p2p_enrolment *enrolment,
                                            const struct p2p_line *line) {
  const struct p2p_enrolment_config *config = &enrolment->config;
  struct p2p_refused refused;
  if (p2p_refused_read(line, config->cluster, config->from.id, &refused) != P2P_OK)
    return P2P_ENROLMENT_WAIT;
  /* A cluster with a key does not lose it, and in a personal one nobody refuses. */
  if (config->is_personal || (config->epoch != 0 && refused.reason == P2P_REFUSAL_KEYLESS))
    return P2P_ENROLMENT_WAIT;
  enrolment->refused = refused;
  enrolment->answer = P2P_ANSWER_REFUSAL;
  return weigh(enrolment);
}

/* Two devices that begin a personal cluster at once: the smaller one makes the key. It says at once
 * that it is there, and the other one waits for it as long as it hears of it. */
static void meet_newcomer(struct p2p_enrolment *enrolment, const struct p2p_line *line,
                          uint64_t now_ms) {
  const struct p2p_enrolment_config *config = &enrolment->config;
  struct p2p_enrol other;
  if (!config->may_make || p2p_enrol_read(line, config->cluster, &other) != P2P_OK) return;
  int order = memcmp(&other.device, &config->device.public_key, sizeof other.device);
  if (order < 0)
    enrolment->alone_ms = now_ms + 2 * P2P_ENROL_REPEAT_MS;
  else if (order > 0 && enrolment->write_ms > now_ms + P2P_ENROL_MEET_MS)
    enrolment->write_ms = now_ms + P2P_ENROL_MEET_MS;
}

enum p2p_enrolment_step p2p_enrolment_on_line(struct p2p_enrolment *enrolment,
                                              const struct p2p_line *line, uint64_t now_ms) {
  if (enrolment->answer != P2P_ANSWER_NONE) return P2P_ENROLMENT_WAIT;
  enum p2p_enrolment_step step = read_grant(enrolment, line);
  if (step == P2P_ENROLMENT_WAIT) step = read_refusal(enrolment, line);
  if (step == P2P_ENROLMENT_WAIT) meet_newcomer(enrolment, line, now_ms);
  return step;
}

/* ---- time ---- */

enum p2p_enrolment_step p2p_enrolment_on_time(struct p2p_enrolment *enrolment, uint64_t now_ms) {
  if (now_ms >= enrolment->alone_ms && !enrolment->is_asking) return P2P_ENROLMENT_MAKE;
  if (now_ms >= enrolment->end_ms) {
    (void)forget(enrolment);
    return P2P_ENROLMENT_FAILED;
  }
  if (now_ms < enrolment->write_ms) return P2P_ENROLMENT_WAIT;
  enrolment->write_ms = now_ms + P2P_ENROL_REPEAT_MS;
  return P2P_ENROLMENT_WRITE;
}

uint64_t p2p_enrolment_due_ms(const struct p2p_enrolment *enrolment) {
  uint64_t due = enrolment->write_ms;
  if (enrolment->alone_ms < due && !enrolment->is_asking) due = enrolment->alone_ms;
  return enrolment->end_ms < due ? enrolment->end_ms : due;
}

/* ---- errors ---- */

static int explain_refusal(const struct p2p_enrolment *enrolment, struct p2p_err *err) {
  const char *cluster = enrolment->config.cluster, *user = enrolment->user;
  char fingerprint[P2P_FINGERPRINT_MAX];
  p2p_fingerprint(&enrolment->config.device.public_key, fingerprint);
  if (enrolment->config.is_invited && (enrolment->refused.reason == P2P_REFUSAL_DEVICE ||
                                       enrolment->refused.reason == P2P_REFUSAL_INVITE))
    return p2p_err_because(err, "invitation_used",
                           p2p_err_set(err, P2P_ERR_ACCESS,
                                       "the invitation of '%s' to the cluster '%s' was used by "
                                       "another device, or withdrawn; this one is %s",
                                       user, cluster, fingerprint));
  switch (enrolment->refused.reason) {
  case P2P_REFUSAL_UNLISTED:
    return p2p_err_because(err, "enrol_unlisted",
                           p2p_err_set(err, P2P_ERR_ACCESS,
                                       "'%s' is not a member of the cluster '%s'", user, cluster));
  case P2P_REFUSAL_DEVICE:
    return p2p_err_because(
        err, "enrol_device",
        p2p_err_set(err, P2P_ERR_ACCESS,
                    "'%s' uses the cluster '%s' from another device than this one, %s", user,
                    cluster, fingerprint));
  case P2P_REFUSAL_INVITE:
    return p2p_err_because(err, "enrol_invite",
                           p2p_err_set(err, P2P_ERR_ACCESS,
                                       "the cluster '%s' takes new devices by invitation only; "
                                       "this one is %s",
                                       cluster, fingerprint));
  default:
    return p2p_err_because(err, "enrol_expelled",
                           p2p_err_set(err, P2P_ERR_ACCESS,
                                       "the owner of the cluster '%s' has expelled '%s', or this "
                                       "device, %s",
                                       cluster, user, fingerprint));
  }
}

int p2p_enrolment_explain(const struct p2p_enrolment *enrolment, struct p2p_err *err) {
  const char *cluster = enrolment->config.cluster;
  if (enrolment->answer == P2P_ANSWER_REFUSAL) return explain_refusal(enrolment, err);
  if (enrolment->has_other_owner)
    return p2p_err_because(err, "owner_changed",
                           p2p_err_set(err, P2P_ERR_ACCESS,
                                       "the cluster '%s' has another owner than the one that this "
                                       "device knows",
                                       cluster));
  return p2p_err_because(
      err, "not_enrolled",
      p2p_err_set(err, P2P_ERR_TIMEOUT,
                  "the owner of the cluster '%s' did not give its key to this device", cluster));
}
