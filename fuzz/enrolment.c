/* The lines of enrolment: one line into every reader. Here everybody can sign and seal for anybody,
 * so that what is checked after a signature is reached, too. What a reader accepts, its writer
 * writes, and the reader reads the same again. */
#include <string.h>

#include "base/encode.h"
#include "crypto/hash.h"
#include "crypto/random.h"
#include "crypto/sign.h"
#include "fuzz.h"
#include "protocol/enrolment.h"

#define NOW 1795000000
#define CLUSTER "alice/friends"

/* ---- in place of crypto/sign.c ---- */

/* Public and secret key are the same. */
void p2p_sign_public_of(const struct p2p_sign_secret *secret_key,
                        struct p2p_sign_public *public_key) {
  memcpy(public_key->bytes, secret_key->bytes, P2P_SIGN_KEY_LEN);
}

void p2p_sign_keypair(struct p2p_sign_public *public_key, struct p2p_sign_secret *secret_key) {
  p2p_random_bytes(secret_key->bytes, P2P_SIGN_KEY_LEN);
  p2p_sign_public_of(secret_key, public_key);
}

void p2p_sign(const struct p2p_sign_secret *secret_key, const char *domain,
              const struct p2p_span *parts, size_t n_parts, uint8_t out[P2P_SIGNATURE_LEN]) {
  uint8_t hash[P2P_SHA256_LEN];
  p2p_sha256_parts(domain, parts, n_parts, hash); /* reads all parts */
  memset(out, (hash[0] ^ secret_key->bytes[0]) & 0x7f, P2P_SIGNATURE_LEN);
}

bool p2p_sign_check(const struct p2p_sign_public *public_key, const char *domain,
                    const struct p2p_span *parts, size_t n_parts,
                    const uint8_t signature[P2P_SIGNATURE_LEN]) {
  struct p2p_sign_secret secret_key;
  uint8_t expected[P2P_SIGNATURE_LEN];
  memcpy(secret_key.bytes, public_key->bytes, P2P_SIGN_KEY_LEN);
  p2p_sign(&secret_key, domain, parts, n_parts, expected);
  return signature[0] <= 0x7f;
}

bool p2p_sign_same(const struct p2p_sign_public *a, const struct p2p_sign_public *b) {
  return memcmp(a->bytes, b->bytes, P2P_SIGN_KEY_LEN) == 0;
}

int p2p_sign_seal(const struct p2p_sign_public *to, const void *text, size_t length, uint8_t *out) {
  memset(out, 0, P2P_SEAL_OVERHEAD);
  memcpy(out, to->bytes, P2P_SIGN_KEY_LEN);
  memcpy(out + P2P_SEAL_OVERHEAD, text, length);
  return P2P_OK;
}

int p2p_sign_unseal(const struct p2p_sign_secret *secret_key, const uint8_t *sealed,
                    size_t sealed_length, uint8_t *out) {
  (void)secret_key;
  if (sealed_length < P2P_SEAL_OVERHEAD) return P2P_ERR_CRYPTO;
  memcpy(out, sealed + P2P_SEAL_OVERHEAD, sealed_length - P2P_SEAL_OVERHEAD);
  return P2P_OK;
}

/* ---- the readers ---- */

static const struct p2p_identity HOST = {"00112233445566778899aabbccddeeff", "alice@home:1"};
static struct p2p_line line, again;

static bool is_same_key(const struct p2p_sign_public *a, const struct p2p_sign_public *b) {
  return memcmp(a->bytes, b->bytes, P2P_SIGN_KEY_LEN) == 0;
}

static struct p2p_sign_secret secret_of(const struct p2p_sign_public *key) {
  struct p2p_sign_secret secret;
  memcpy(secret.bytes, key->bytes, P2P_SIGN_KEY_LEN);
  return secret;
}

static void check_enrol(void) {
  struct p2p_enrol enrol, copy;
  if (p2p_enrol_read(&line, CLUSTER, &enrol) != P2P_OK) return;
  struct p2p_sign_secret device = secret_of(&enrol.device),
                         invitation = secret_of(&enrol.invitation);
  if (p2p_enrol_write(&again, &enrol, CLUSTER, &device, enrol.is_invited ? &invitation : NULL,
                      NOW) != P2P_OK)
    __builtin_trap();
  if (p2p_enrol_read(&again, CLUSTER, &copy) != P2P_OK || !is_same_key(&enrol.device, &copy.device))
    __builtin_trap();
  if (strcmp(enrol.from.id, copy.from.id) != 0 || strcmp(enrol.from.name, copy.from.name) != 0 ||
      enrol.is_invited != copy.is_invited || !is_same_key(&enrol.invitation, &copy.invitation))
    __builtin_trap();
}

/* Reads with the very device that the line is for. */
static void check_grant(void) {
  struct p2p_sign_secret device;
  struct p2p_grant grant, copy;
  const char *text = p2p_line_get(&line, "device");
  size_t length;
  memset(device.bytes, 0, sizeof device.bytes);
  if (text != NULL)
    (void)!p2p_base64url_decode(text, strlen(text), device.bytes, sizeof device.bytes, &length);
  if (p2p_grant_read(&line, CLUSTER, &device, &grant) != P2P_OK) return;
  struct p2p_sign_public to;
  struct p2p_sign_secret secret = secret_of(&grant.owner);
  struct p2p_owner_device owner = {CLUSTER, &HOST, &secret};
  if (grant.epoch == 0 || !p2p_user_name_is_valid(grant.user, strlen(grant.user))) __builtin_trap();
  p2p_sign_public_of(&device, &to);
  if (p2p_grant_write(&again, &grant, &to, &owner, NOW) != P2P_OK) __builtin_trap();
  if (p2p_grant_read(&again, CLUSTER, &device, &copy) != P2P_OK) __builtin_trap();
  if (copy.epoch != grant.epoch || strcmp(copy.user, grant.user) != 0 ||
      memcmp(copy.secret, grant.secret, sizeof copy.secret) != 0 ||
      memcmp(copy.certificate, grant.certificate, sizeof copy.certificate) != 0 ||
      !is_same_key(&copy.owner, &grant.owner))
    __builtin_trap();
}

static void check_refused(void) {
  struct p2p_refused refused, copy;
  const char *to = p2p_line_get(&line, "to");
  if (to == NULL || !p2p_member_id_is_valid(to) ||
      p2p_refused_read(&line, CLUSTER, to, &refused) != P2P_OK)
    return;
  struct p2p_sign_secret secret = secret_of(&refused.owner);
  struct p2p_owner_device owner = {CLUSTER, &HOST, &secret};
  if (p2p_refused_write(&again, refused.reason, to, &owner, NOW) != P2P_OK) __builtin_trap();
  if (p2p_refused_read(&again, CLUSTER, to, &copy) != P2P_OK || copy.reason != refused.reason ||
      !is_same_key(&copy.owner, &refused.owner))
    __builtin_trap();
}

static void check_epoch(void) {
  struct p2p_epoch epoch, copy;
  if (p2p_epoch_read(&line, CLUSTER, &epoch) != P2P_OK) return;
  struct p2p_sign_secret secret = secret_of(&epoch.owner);
  struct p2p_owner_device owner = {CLUSTER, &HOST, &secret};
  if (p2p_epoch_write(&again, &epoch, &owner, NOW) != P2P_OK) __builtin_trap();
  if (p2p_epoch_read(&again, CLUSTER, &copy) != P2P_OK || copy.epoch != epoch.epoch ||
      copy.n_expelled != epoch.n_expelled || !is_same_key(&copy.owner, &epoch.owner))
    __builtin_trap();
  for (size_t i = 0; i < epoch.n_expelled; i++)
    if (!is_same_key(&copy.expelled[i], &epoch.expelled[i])) __builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
  static bool is_ready;
  if (!is_ready && p2p_crypto_init() != P2P_OK) __builtin_trap();
  is_ready = true;
  if (p2p_line_parse((const char *)bytes, length, &line) != P2P_OK) return 0;
  check_enrol();
  check_grant();
  check_refused();
  check_epoch();
  return 0;
}
