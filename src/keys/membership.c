/* What this device knows of a cluster. */
#include "keys/membership.h"

#include <stdio.h>
#include <string.h>

#include "crypto/random.h"
#include "keys/private_file.h"
#include "keys/text.h"

#define KIND "membership"
#define FILE_MAX 4096

/* ---- the text ---- */

static bool parse_grant(struct p2p_key_text *text, struct p2p_grant *out) {
  struct p2p_span user, certificate;
  return p2p_key_text_next_count(text, "epoch", &out->epoch) && out->epoch > 0 &&
         p2p_key_text_next_secret(text, "secret", out->secret) &&
         p2p_key_text_next(text, "user", &user) &&
         p2p_key_text_copy(user, out->user, sizeof out->user) &&
         p2p_user_name_is_valid(out->user, strlen(out->user)) &&
         p2p_key_text_next(text, "certificate", &certificate) &&
         p2p_key_text_bytes(certificate, out->certificate, sizeof out->certificate);
}

static bool parse_rest(struct p2p_key_text *text, const char *cluster, struct p2p_membership *out) {
  struct p2p_span value;
  if (!p2p_key_text_next(text, "cluster", &value) || value.length != strlen(cluster) ||
      memcmp(value.bytes, cluster, value.length) != 0 ||
      !p2p_key_text_next_public(text, "owner", &out->grant.owner))
    return false;
  out->is_enrolled = p2p_key_text_has(text, "epoch");
  if (out->is_enrolled && !parse_grant(text, &out->grant)) return false;
  out->is_invited = p2p_key_text_has(text, "invitation");
  if (out->is_invited && !p2p_key_text_next_secret(text, "invitation", out->invitation.bytes))
    return false;
  return p2p_key_text_is_at_end(text);
}

int p2p_membership_parse(const struct p2p_buf *contents, const char *cluster,
                         struct p2p_membership *out) {
  struct p2p_key_text text;
  memset(out, 0, sizeof *out);
  int code = p2p_key_text_begin(&text, contents, KIND);
  if (code == P2P_OK && !parse_rest(&text, cluster, out)) code = P2P_ERR_PARSE;
  if (code != P2P_OK) p2p_wipe(out, sizeof *out);
  return code;
}

static int format_grant(const struct p2p_grant *grant, struct p2p_buf *out) {
  int code = p2p_key_text_put_count(out, "epoch", grant->epoch);
  if (code == P2P_OK) code = p2p_key_text_put_secret(out, "secret", grant->secret);
  if (code == P2P_OK) code = p2p_key_text_put(out, "user", grant->user);
  if (code == P2P_OK)
    code =
        p2p_key_text_put_bytes(out, "certificate", grant->certificate, sizeof grant->certificate);
  return code;
}

int p2p_membership_format(const struct p2p_membership *membership, const char *cluster,
                          struct p2p_buf *out) {
  const struct p2p_sign_public *owner = &membership->grant.owner;
  int code = p2p_key_text_put_kind(out, KIND);
  if (code == P2P_OK) code = p2p_key_text_put(out, "cluster", cluster);
  if (code == P2P_OK) code = p2p_key_text_put_bytes(out, "owner", owner->bytes, sizeof *owner);
  if (code == P2P_OK && membership->is_enrolled) code = format_grant(&membership->grant, out);
  if (code == P2P_OK && membership->is_invited)
    code = p2p_key_text_put_secret(out, "invitation", membership->invitation.bytes);
  return code;
}

/* ---- the file ---- */

int p2p_membership_load(const struct p2p_key_folder *folder, const char *cluster,
                        struct p2p_membership *out, bool *exists, struct p2p_err *err) {
  struct p2p_buf contents;
  memset(out, 0, sizeof *out);
  p2p_buf_init(&contents, FILE_MAX);
  int code = p2p_private_file_read(folder, P2P_MEMBERSHIP_FILE, &contents, exists, err);
  if (code == P2P_OK && *exists)
    code = p2p_key_text_explain(p2p_membership_parse(&contents, cluster, out), folder->path,
                                P2P_MEMBERSHIP_FILE, err);
  p2p_buf_clear(&contents);
  return code;
}

int p2p_membership_store(const struct p2p_key_folder *folder, const char *cluster,
                         const struct p2p_membership *membership, struct p2p_err *err) {
  struct p2p_buf contents;
  p2p_buf_init(&contents, FILE_MAX);
  int code = p2p_key_text_explain(p2p_membership_format(membership, cluster, &contents),
                                  folder->path, P2P_MEMBERSHIP_FILE, err);
  if (code == P2P_OK) code = p2p_private_file_write(folder, P2P_MEMBERSHIP_FILE, &contents, err);
  p2p_buf_clear(&contents);
  return code;
}

int p2p_membership_read(const struct p2p_key_place *place, struct p2p_membership *out, bool *exists,
                        struct p2p_err *err) {
  struct p2p_key_folder folder;
  memset(out, 0, sizeof *out);
  *exists = false;
  int code = p2p_key_place_open(place, false, &folder, err);
  if (code != P2P_OK) return code;
  code = p2p_membership_load(&folder, place->cluster, out, exists, err);
  p2p_key_folder_close(&folder);
  return code;
}

/* Whether `old` holds, and not what is new. */
static bool holds(const struct p2p_membership *old, const struct p2p_membership *new) {
  if (!old->is_enrolled) return false;
  if (!new->is_enrolled || new->grant.epoch < old->grant.epoch) return true;
  return new->grant.epoch == old->grant.epoch &&
         !p2p_equal(new->grant.secret, old->grant.secret, sizeof old->grant.secret);
}

static int merge(struct p2p_membership *old, struct p2p_membership *membership, const char *cluster,
                 struct p2p_err *err) {
  if (!p2p_sign_same(&old->grant.owner, &membership->grant.owner))
    return p2p_err_because(err, "owner_changed",
                           p2p_err_set(err, P2P_ERR_ACCESS,
                                       "the cluster '%s' has another owner than the one that this "
                                       "device knows",
                                       cluster));
  if (!holds(old, membership)) return P2P_OK;
  if (membership->is_invited && !membership->is_enrolled) {
    old->is_invited = true;
    old->invitation = membership->invitation;
  }
  *membership = *old;
  return P2P_OK;
}

int p2p_membership_keep(const struct p2p_key_place *place, struct p2p_membership *membership,
                        struct p2p_err *err) {
  struct p2p_key_folder folder;
  struct p2p_membership old;
  bool exists;
  int code = p2p_key_place_lock(place, true, &folder, err);
  if (code == P2P_OK) {
    code = p2p_membership_load(&folder, place->cluster, &old, &exists, err);
    if (code == P2P_OK && exists) code = merge(&old, membership, place->cluster, err);
    if (code == P2P_OK) code = p2p_membership_store(&folder, place->cluster, membership, err);
    p2p_key_folder_close(&folder);
    p2p_wipe(&old, sizeof old);
  }
  if (code != P2P_OK) p2p_wipe(membership, sizeof *membership);
  return code;
}

int p2p_membership_remove(const struct p2p_key_place *place, struct p2p_err *err) {
  struct p2p_key_folder folder;
  int code = p2p_key_place_lock(place, false, &folder, err);
  if (code != P2P_OK) return code;
  code = p2p_private_file_remove(&folder, P2P_MEMBERSHIP_FILE, err);
  p2p_key_folder_close(&folder);
  return code;
}

void p2p_membership_credentials(const struct p2p_membership *membership, const char *cluster,
                                const struct p2p_device *device, struct p2p_credentials *out) {
  const struct p2p_grant *grant = &membership->grant;
  memset(out, 0, sizeof *out);
  snprintf(out->cluster, sizeof out->cluster, "%s", cluster);
  p2p_cluster_key_derive(cluster, grant->epoch, grant->secret, &out->key);
  out->device_secret = device->secret_key;
  out->device = device->public_key;
  out->owner = grant->owner;
  snprintf(out->user, sizeof out->user, "%s", grant->user);
  memcpy(out->certificate, grant->certificate, sizeof out->certificate);
}
