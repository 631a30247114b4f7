/* The lines enrol, enrolled, refused and epoch. Each is signed as a list of its parts, with the
 * cluster first. */
#include "protocol/enrolment.h"

#include <string.h>

#include "base/buf.h"
#include "base/encode.h"
#include "base/endian.h"
#include "protocol/certificate.h"
#include "protocol/list.h"

static const char ENROL[] = "future.p2p/enrol/v1", INVITATION[] = "future.p2p/invitation/v1",
                  GRANT[] = "future.p2p/enrolled/v1", REFUSED[] = "future.p2p/refused/v1",
                  EPOCH[] = "future.p2p/epoch/v1";
static const char *const reasons[] = {[P2P_REFUSAL_UNLISTED] = "unlisted",
                                      [P2P_REFUSAL_DEVICE] = "device",
                                      [P2P_REFUSAL_INVITE] = "invite",
                                      [P2P_REFUSAL_EXPELLED] = "expelled",
                                      [P2P_REFUSAL_KEYLESS] = "keyless"};
#define N_REASONS (sizeof reasons / sizeof reasons[0])

#define TEXT(text) P2P_SPAN((text), strlen(text))
#define KEY(key) P2P_SPAN((key).bytes, P2P_SIGN_KEY_LEN)

/* ---- values ---- */

static int put_signed(struct p2p_line *out, const struct p2p_sign_secret *key, const char *domain,
                      const struct p2p_span *parts, size_t n_parts) {
  uint8_t signature[P2P_SIGNATURE_LEN];
  p2p_sign(key, domain, parts, n_parts, signature);
  return p2p_line_put_bytes(out, "signature", signature, sizeof signature);
}

static bool is_signed(const struct p2p_line *line, const struct p2p_sign_public *key,
                      const char *domain, const struct p2p_span *parts, size_t n_parts) {
  uint8_t signature[P2P_SIGNATURE_LEN];
  return p2p_line_get_bytes(line, "signature", signature, sizeof signature) &&
         p2p_sign_check(key, domain, parts, n_parts, signature);
}

static int put_owner(struct p2p_line *out, const struct p2p_sign_secret *owner) {
  struct p2p_sign_public public_key;
  p2p_sign_public_of(owner, &public_key);
  return p2p_line_put_bytes(out, "owner", public_key.bytes, sizeof public_key.bytes);
}

/* A line without expires: whoever reads it looks at its signature, not at the time. */
static int begin(struct p2p_line *out, const char *type, const struct p2p_identity *from,
                 time_t now) {
  return p2p_line_begin(out, type, from, now, 0);
}

static int end(struct p2p_line *out, int code) {
  if (code != P2P_OK) p2p_line_init(out);
  return code;
}

/* ---- enrol ---- */

#define ENROL_PARTS 4

/* The invitation is part of what the device signs, and the device of what the invitation signs. */
static size_t list_enrol(const struct p2p_enrol *enrol, const char *cluster,
                         struct p2p_span out[ENROL_PARTS + 1]) {
  out[0] = TEXT(cluster);
  out[1] = TEXT(enrol->from.name);
  out[2] = TEXT(enrol->from.id);
  out[3] = KEY(enrol->device);
  out[4] = KEY(enrol->invitation);
  return enrol->is_invited ? ENROL_PARTS + 1 : ENROL_PARTS;
}

int p2p_enrol_write(struct p2p_line *out, const struct p2p_enrol *enrol, const char *cluster,
                    const struct p2p_sign_secret *device, const struct p2p_sign_secret *invitation,
                    time_t now) {
  struct p2p_enrol ours = *enrol;
  struct p2p_span parts[ENROL_PARTS + 1];
  uint8_t proof[P2P_SIGNATURE_LEN];
  ours.is_invited = invitation != NULL;
  if (invitation != NULL) p2p_sign_public_of(invitation, &ours.invitation);
  size_t n_parts = list_enrol(&ours, cluster, parts);
  int code = begin(out, "enrol", &ours.from, now);
  if (code == P2P_OK) code = p2p_line_put_bytes(out, "device", ours.device.bytes, P2P_SIGN_KEY_LEN);
  if (code == P2P_OK && invitation != NULL) {
    p2p_sign(invitation, INVITATION, parts, n_parts, proof);
    code = p2p_line_put_bytes(out, "invitation", ours.invitation.bytes, P2P_SIGN_KEY_LEN);
    if (code == P2P_OK) code = p2p_line_put_bytes(out, "invited", proof, sizeof proof);
  }
  if (code == P2P_OK) code = put_signed(out, device, ENROL, parts, n_parts);
  return end(out, code);
}

int p2p_enrol_read(const struct p2p_line *line, const char *cluster, struct p2p_enrol *out) {
  struct p2p_enrol enrol = {0};
  struct p2p_span parts[ENROL_PARTS + 1];
  uint8_t proof[P2P_SIGNATURE_LEN];
  if (!p2p_line_is(line, "enrol")) return P2P_ERR_CANCELED;
  enrol.is_invited = p2p_line_get(line, "invitation") != NULL;
  if (!p2p_line_sender(line, &enrol.from) ||
      !p2p_line_get_bytes(line, "device", enrol.device.bytes, P2P_SIGN_KEY_LEN))
    return P2P_ERR_PARSE;
  if (enrol.is_invited &&
      (!p2p_line_get_bytes(line, "invitation", enrol.invitation.bytes, P2P_SIGN_KEY_LEN) ||
       !p2p_line_get_bytes(line, "invited", proof, sizeof proof)))
    return P2P_ERR_PARSE;
  size_t n_parts = list_enrol(&enrol, cluster, parts);
  if (!is_signed(line, &enrol.device, ENROL, parts, n_parts) ||
      (enrol.is_invited && !p2p_sign_check(&enrol.invitation, INVITATION, parts, n_parts, proof)))
    return P2P_ERR_CRYPTO;
  *out = enrol;
  return P2P_OK;
}

/* ---- enrolled ---- */

static bool epoch_is_valid(uint32_t epoch) { return epoch >= 1 && epoch <= P2P_EPOCH_MAX; }

/* What is sealed: epoch u32, secret, owner, certificate, the owner's signature, the user's name. */
#define PLAIN_LEN (4 + P2P_CLUSTER_SECRET_LEN + P2P_SIGN_KEY_LEN + 2 * P2P_SIGNATURE_LEN)
#define PLAIN_MAX (PLAIN_LEN + P2P_USER_NAME_MAX)
#define GRANT_PARTS 7

static void list_grant(const struct p2p_grant *grant, const char *cluster,
                       const struct p2p_sign_public *device, uint8_t epoch[4],
                       struct p2p_span out[GRANT_PARTS]) {
  p2p_set_u32(epoch, grant->epoch);
  out[0] = TEXT(cluster);
  out[1] = KEY(*device);
  out[2] = P2P_SPAN(epoch, 4);
  out[3] = P2P_SPAN(grant->secret, sizeof grant->secret);
  out[4] = KEY(grant->owner);
  out[5] = TEXT(grant->user);
  out[6] = P2P_SPAN(grant->certificate, sizeof grant->certificate);
}

void p2p_grant_certify(struct p2p_grant *grant, const char *cluster,
                       const struct p2p_sign_public *device, const struct p2p_sign_secret *owner) {
  const struct p2p_certificate certificate = {cluster, grant->epoch, grant->user, *device};
  p2p_certificate_sign(&certificate, owner, grant->certificate);
}

/* Writes one field after the other. */
static uint8_t *put(uint8_t *at, const void *bytes, size_t length) {
  memcpy(at, bytes, length);
  return at + length;
}

static size_t write_plain(const struct p2p_grant *grant, const char *cluster,
                          const struct p2p_sign_public *device, const struct p2p_sign_secret *owner,
                          uint8_t plain[PLAIN_MAX]) {
  struct p2p_span parts[GRANT_PARTS];
  uint8_t epoch[4], signature[P2P_SIGNATURE_LEN];
  list_grant(grant, cluster, device, epoch, parts);
  p2p_sign(owner, GRANT, parts, GRANT_PARTS, signature);
  uint8_t *at = put(plain, epoch, sizeof epoch);
  at = put(at, grant->secret, sizeof grant->secret);
  at = put(at, grant->owner.bytes, P2P_SIGN_KEY_LEN);
  at = put(at, grant->certificate, sizeof grant->certificate);
  at = put(at, signature, sizeof signature);
  at = put(at, grant->user, strlen(grant->user));
  return (size_t)(at - plain);
}

int p2p_grant_write(struct p2p_line *out, const struct p2p_grant *grant,
                    const struct p2p_sign_public *device, const struct p2p_owner_device *owner,
                    time_t now) {
  uint8_t plain[PLAIN_MAX], box[PLAIN_MAX + P2P_SEAL_OVERHEAD];
  char text[P2P_BASE64_LEN(sizeof box) + 1];
  p2p_line_init(out);
  if (!epoch_is_valid(grant->epoch) || !p2p_user_name_is_valid(grant->user, strlen(grant->user)))
    return P2P_ERR_INVALID;
  size_t length = write_plain(grant, owner->cluster, device, owner->secret, plain);
  int code = p2p_sign_seal(device, plain, length, box);
  p2p_wipe(plain, sizeof plain);
  if (code != P2P_OK) return code;
  p2p_base64url_encode(box, length + P2P_SEAL_OVERHEAD, text);
  code = begin(out, "enrolled", owner->from, now);
  if (code == P2P_OK) code = p2p_line_put_bytes(out, "device", device->bytes, P2P_SIGN_KEY_LEN);
  if (code == P2P_OK) code = p2p_line_put(out, "box", text);
  return end(out, code);
}

static const uint8_t *take(const uint8_t *at, void *out, size_t length) {
  memcpy(out, at, length);
  return at + length;
}

static int read_plain(const uint8_t *plain, size_t length, const char *cluster,
                      const struct p2p_sign_public *device, struct p2p_grant *out) {
  struct p2p_span parts[GRANT_PARTS];
  uint8_t epoch[4], signature[P2P_SIGNATURE_LEN];
  const uint8_t *at = take(plain, epoch, sizeof epoch);
  out->epoch = p2p_get_u32(epoch);
  at = take(at, out->secret, sizeof out->secret);
  at = take(at, out->owner.bytes, P2P_SIGN_KEY_LEN);
  at = take(at, out->certificate, sizeof out->certificate);
  at = take(at, signature, sizeof signature);
  size_t name_length = length - PLAIN_LEN;
  if (!epoch_is_valid(out->epoch) || !p2p_user_name_is_valid((const char *)at, name_length))
    return P2P_ERR_PARSE;
  memcpy(out->user, at, name_length);
  out->user[name_length] = '\0';
  list_grant(out, cluster, device, epoch, parts);
  struct p2p_certificate certificate = {cluster, out->epoch, out->user, *device};
  return p2p_sign_check(&out->owner, GRANT, parts, GRANT_PARTS, signature) &&
                 p2p_certificate_check(&certificate, &out->owner, out->certificate)
             ? P2P_OK
             : P2P_ERR_CRYPTO;
}

int p2p_grant_read(const struct p2p_line *line, const char *cluster,
                   const struct p2p_sign_secret *device, struct p2p_grant *out) {
  struct p2p_sign_public ours, to;
  struct p2p_grant grant;
  const char *text = p2p_line_get(line, "box");
  uint8_t box[PLAIN_MAX + P2P_SEAL_OVERHEAD], plain[PLAIN_MAX];
  size_t length;
  if (!p2p_line_is(line, "enrolled")) return P2P_ERR_CANCELED;
  if (text == NULL || !p2p_line_get_bytes(line, "device", to.bytes, P2P_SIGN_KEY_LEN))
    return P2P_ERR_PARSE;
  p2p_sign_public_of(device, &ours);
  if (!p2p_sign_same(&ours, &to)) return P2P_ERR_CANCELED;
  int code = p2p_base64url_decode(text, strlen(text), box, sizeof box, &length);
  if (code != P2P_OK || length <= PLAIN_LEN + P2P_SEAL_OVERHEAD) return P2P_ERR_PARSE;
  code = p2p_sign_unseal(device, box, length, plain);
  if (code == P2P_OK) code = read_plain(plain, length - P2P_SEAL_OVERHEAD, cluster, &ours, &grant);
  if (code == P2P_OK) *out = grant;
  p2p_wipe(plain, sizeof plain);
  p2p_wipe(&grant, sizeof grant);
  return code;
}

/* ---- refused ---- */

#define REFUSED_PARTS 3

static void list_refused(const char *cluster, const char *to, const char *reason,
                         struct p2p_span out[REFUSED_PARTS]) {
  out[0] = TEXT(cluster);
  out[1] = TEXT(to);
  out[2] = TEXT(reason);
}

int p2p_refused_write(struct p2p_line *out, enum p2p_refusal reason, const char *to,
                      const struct p2p_owner_device *owner, time_t now) {
  struct p2p_span parts[REFUSED_PARTS];
  p2p_line_init(out);
  if (!p2p_member_id_is_valid(to)) return P2P_ERR_INVALID;
  list_refused(owner->cluster, to, reasons[reason], parts);
  int code = begin(out, "refused", owner->from, now);
  if (code == P2P_OK) code = p2p_line_put(out, "to", to);
  if (code == P2P_OK) code = p2p_line_put(out, "reason", reasons[reason]);
  if (code == P2P_OK) code = put_owner(out, owner->secret);
  if (code == P2P_OK) code = put_signed(out, owner->secret, REFUSED, parts, REFUSED_PARTS);
  return end(out, code);
}

int p2p_refused_read(const struct p2p_line *line, const char *cluster, const char *to,
                     struct p2p_refused *out) {
  const char *ours = p2p_line_get(line, "to"), *reason = p2p_line_get(line, "reason");
  struct p2p_refused refused;
  struct p2p_span parts[REFUSED_PARTS];
  size_t i = 0;
  if (!p2p_line_is(line, "refused") || ours == NULL || strcmp(ours, to) != 0)
    return P2P_ERR_CANCELED;
  while (i < N_REASONS && (reason == NULL || strcmp(reason, reasons[i]) != 0)) i++;
  if (i == N_REASONS || !p2p_line_get_bytes(line, "owner", refused.owner.bytes, P2P_SIGN_KEY_LEN))
    return P2P_ERR_PARSE;
  list_refused(cluster, to, reason, parts);
  if (!is_signed(line, &refused.owner, REFUSED, parts, REFUSED_PARTS)) return P2P_ERR_CRYPTO;
  refused.reason = (enum p2p_refusal)i;
  *out = refused;
  return P2P_OK;
}

/* ---- epoch ---- */

#define EPOCH_PARTS 3
#define KEY_TEXT_LEN 43 /* 32 bytes as base64url */
#define EXPELLED_MAX (P2P_EXPELLED_MAX * (KEY_TEXT_LEN + 1) + 1)

static void list_epoch(const char *cluster, const uint8_t epoch[4], const char *expelled,
                       struct p2p_span out[EPOCH_PARTS]) {
  out[0] = TEXT(cluster);
  out[1] = P2P_SPAN(epoch, 4);
  out[2] = TEXT(expelled);
}

static void join_keys(const struct p2p_epoch *epoch, char out[EXPELLED_MAX]) {
  char *at = out;
  *at = '\0';
  for (size_t i = 0; i < epoch->n_expelled; i++) {
    if (i > 0) *at++ = ';';
    p2p_base64url_encode(epoch->expelled[i].bytes, P2P_SIGN_KEY_LEN, at);
    at += KEY_TEXT_LEN;
  }
}

int p2p_epoch_write(struct p2p_line *out, const struct p2p_epoch *epoch,
                    const struct p2p_owner_device *owner, time_t now) {
  char expelled[EXPELLED_MAX];
  uint8_t number[4];
  struct p2p_span parts[EPOCH_PARTS];
  p2p_line_init(out);
  if (!epoch_is_valid(epoch->epoch) || epoch->n_expelled > P2P_EXPELLED_MAX) return P2P_ERR_INVALID;
  join_keys(epoch, expelled);
  p2p_set_u32(number, epoch->epoch);
  list_epoch(owner->cluster, number, expelled, parts);
  int code = begin(out, "epoch", owner->from, now);
  if (code == P2P_OK) code = p2p_line_putf(out, "epoch", "%u", (unsigned)epoch->epoch);
  if (code == P2P_OK) code = p2p_line_put(out, "expelled", expelled);
  if (code == P2P_OK) code = put_owner(out, owner->secret);
  if (code == P2P_OK) code = put_signed(out, owner->secret, EPOCH, parts, EPOCH_PARTS);
  return end(out, code);
}

static bool split_keys(const char *text, struct p2p_epoch *out) {
  const char *item;
  size_t length;
  if (text[0] == '\0') return true;
  while (p2p_list_next(&text, &item, &length)) {
    if (out->n_expelled == P2P_EXPELLED_MAX ||
        !p2p_base64url_decode_exactly(item, length, out->expelled[out->n_expelled++].bytes,
                                      P2P_SIGN_KEY_LEN))
      return false;
  }
  return true;
}

int p2p_epoch_read(const struct p2p_line *line, const char *cluster, struct p2p_epoch *out) {
  const char *number = p2p_line_get(line, "epoch"), *expelled = p2p_line_get(line, "expelled");
  struct p2p_epoch epoch = {0};
  struct p2p_span parts[EPOCH_PARTS];
  uint8_t bytes[4];
  if (!p2p_line_is(line, "epoch")) return P2P_ERR_CANCELED;
  if (number == NULL || expelled == NULL || !p2p_count_parse(number, P2P_EPOCH_MAX, &epoch.epoch) ||
      !p2p_line_get_bytes(line, "owner", epoch.owner.bytes, P2P_SIGN_KEY_LEN) ||
      !split_keys(expelled, &epoch))
    return P2P_ERR_PARSE;
  p2p_set_u32(bytes, epoch.epoch);
  list_epoch(cluster, bytes, expelled, parts);
  if (!is_signed(line, &epoch.owner, EPOCH, parts, EPOCH_PARTS)) return P2P_ERR_CRYPTO;
  *out = epoch;
  return P2P_OK;
}
