/* Keys, sealed lines, certificates and enrolment against tests/vectors/keys.json, which another
 * implementation makes from docs/protocol.md. */
#include <stdlib.h>
#include <time.h>

#include "crypto/aead.h"
#include "crypto/random.h"
#include "protocol/certificate.h"
#include "protocol/certified_line.h"
#include "protocol/enrolment.h"
#include "protocol/sealed_line.h"
#include "vectors.h"
#include "wormhole/key.h"

#define NOW 1795000000

static json_t *root;

/* Calls `check` on each case of the list, of which there are `expected`. */
static void check_cases(const char *list, size_t expected, void (*check)(const json_t *object)) {
  const json_t *cases = json_object_get(root, list);
  CHECK(json_array_size(cases) == expected);
  for (size_t i = 0; i < json_array_size(cases); i++) {
    int before = unit_bad;
    unit_bad = 0;
    check(json_array_get(cases, i));
    if (unit_bad) fprintf(stderr, "in case %zu of %s\n", i, list);
    unit_bad |= before;
  }
}

static void whole(const json_t *object, const char *key, uint8_t *out, size_t size) {
  CHECK(vectors_bytes(object, key, out, size) == size);
}

static uint32_t epoch_of(const json_t *object) {
  return (uint32_t)json_integer_value(json_object_get(object, "epoch"));
}

static void same(const json_t *object, const char *key, const uint8_t *bytes, size_t length) {
  static char hex[2 * P2P_LINE_MAX];
  p2p_hex_encode(bytes, length, hex);
  CHECK_STR(hex, vectors_text(object, key));
}

static void parse(const json_t *object, const char *key, struct p2p_line *out) {
  const char *text = vectors_text(object, key);
  CHECK(p2p_line_parse(text, strlen(text), out) == P2P_OK);
}

static void same_line(const json_t *object, const char *key, const struct p2p_line *line) {
  char text[P2P_LINE_MAX + 1] = "";
  long length = p2p_line_format(line, text, sizeof text);
  if (length > 0) text[length - 1] = '\0';
  CHECK_STR(text, vectors_text(object, key));
}

static void identity(const json_t *object, struct p2p_identity *out) {
  CHECK(p2p_identity_set(out, vectors_text(object, "member"), vectors_text(object, "from")));
}

static void cluster_key(const json_t *object, struct p2p_cluster_key *out) {
  uint8_t secret[P2P_CLUSTER_SECRET_LEN];
  whole(object, "S", secret, sizeof secret);
  p2p_cluster_key_derive(vectors_text(object, "cluster"), epoch_of(object), secret, out);
}

static void check_cluster_key(const json_t *object) {
  struct p2p_cluster_key key;
  cluster_key(object, &key);
  CHECK_STR(key.id, vectors_text(object, "kid"));
  same(object, "line", key.line, sizeof key.line);
  same(object, "link", key.link, sizeof key.link);
  same(object, "mailbox", key.mailbox, sizeof key.mailbox);
}

TEST(keys_are_derived_as_in_the_vectors) { check_cases("cluster_keys", 5, check_cluster_key); }

static void check_link(const json_t *object) {
  struct p2p_cluster_key key;
  struct p2p_seal_public worker_key;
  char mailbox[P2P_LINK_MAILBOX_MAX], password[P2P_LINK_PASSWORD_MAX];
  struct p2p_link_parties parties = {vectors_text(object, "cluster"),
                                     vectors_text(object, "client"), vectors_text(object, "worker"),
                                     &worker_key, vectors_text(object, "code")};
  cluster_key(object, &key);
  whole(object, "worker_key", worker_key.bytes, sizeof worker_key.bytes);
  p2p_cluster_key_mailbox(&key, parties.code, mailbox);
  p2p_cluster_key_password(&key, &parties, password);
  CHECK_STR(mailbox, vectors_text(object, "mailbox_id"));
  CHECK_STR(password, vectors_text(object, "password"));
}

TEST(mailboxes_and_passwords_of_links_are_those_of_the_vectors) {
  check_cases("links", 2, check_link);
}

/* What our writer seals, byte by byte: all but the nonce. */
static void check_sealing(const json_t *object, const struct p2p_cluster_key *key,
                          const struct p2p_line_place *place) {
  struct p2p_line inner, sealed;
  uint8_t box[P2P_LINE_MAX], plain[P2P_LINE_MAX];
  size_t length;
  parse(object, "inner", &inner);
  CHECK(p2p_sealed_line_write(&sealed, &inner, key, place, NOW) == P2P_OK);
  const char *text = p2p_line_get(&sealed, "box");
  CHECK(p2p_base64url_decode(text, strlen(text), box, sizeof box, &length) == P2P_OK);
  CHECK(p2p_aead_open(key->line, P2P_SPAN(key->id, strlen(key->id)), box, length, plain) == P2P_OK);
  same(object, "plain", plain, length - P2P_AEAD_OVERHEAD);
}

static void check_sealed_line(const json_t *object) {
  struct p2p_cluster_key key;
  struct p2p_line line, inner;
  struct p2p_line_place place = {{0}, 0};
  char number[24];
  cluster_key(object, &key);
  parse(object, "line", &line);
  CHECK(p2p_sealed_line_read(&line, &key, &inner, &place) == P2P_OK);
  same_line(object, "inner", &inner);
  same(object, "boot", place.boot, sizeof place.boot);
  snprintf(number, sizeof number, "%llu", (unsigned long long)place.number);
  CHECK_STR(number, vectors_text(object, "number"));
  check_sealing(object, &key, &place);
}

TEST(sealed_lines_are_those_of_the_vectors) { check_cases("sealed_lines", 6, check_sealed_line); }

static void check_bad_sealed_line(const json_t *object) {
  struct p2p_cluster_key key;
  struct p2p_line line, inner;
  struct p2p_line_place place;
  cluster_key(json_array_get(json_object_get(root, "sealed_lines"), 0), &key);
  parse(object, "line", &line);
  int code = p2p_sealed_line_read(&line, &key, &inner, &place);
  if (code == P2P_OK) fprintf(stderr, "accepted: %s\n", vectors_text(object, "why"));
  CHECK(code != P2P_OK);
}

TEST(bad_sealed_lines_are_refused) { check_cases("bad_sealed_lines", 15, check_bad_sealed_line); }

static void check_certificate(const json_t *object) {
  struct p2p_certificate certificate = {
      vectors_text(object, "cluster"), epoch_of(object), vectors_text(object, "user"), {{0}}};
  struct p2p_sign_secret owner_secret;
  struct p2p_sign_public owner;
  uint8_t signature[P2P_SIGNATURE_LEN], expected[P2P_SIGNATURE_LEN];
  whole(object, "device", certificate.device.bytes, P2P_SIGN_KEY_LEN);
  whole(object, "owner_seed", owner_secret.bytes, P2P_SIGN_KEY_LEN);
  whole(object, "owner", owner.bytes, P2P_SIGN_KEY_LEN);
  whole(object, "certificate", expected, sizeof expected);
  p2p_certificate_sign(&certificate, &owner_secret, signature);
  CHECK(memcmp(signature, expected, sizeof expected) == 0);
  CHECK(p2p_certificate_check(&certificate, &owner, expected));
}

TEST(certificates_are_those_of_the_vectors) { check_cases("certificates", 2, check_certificate); }

static void check_proof(const json_t *object) {
  uint8_t verifier[P2P_VERIFIER_LEN], signature[P2P_SIGNATURE_LEN], expected[P2P_SIGNATURE_LEN];
  bool is_worker = strcmp(vectors_text(object, "role"), "worker") == 0;
  struct p2p_link_proof proof = {verifier, is_worker ? P2P_ROLE_WORKER : P2P_ROLE_CLIENT,
                                 vectors_text(object, "user")};
  struct p2p_sign_secret device_secret;
  struct p2p_sign_public device;
  struct p2p_wormhole_key spake2;
  whole(object, "spake2_key", spake2.bytes, sizeof spake2.bytes);
  p2p_key_verifier(&spake2, verifier);
  same(object, "verifier", verifier, sizeof verifier);
  whole(object, "device_seed", device_secret.bytes, P2P_SIGN_KEY_LEN);
  whole(object, "device", device.bytes, P2P_SIGN_KEY_LEN);
  whole(object, "proof", expected, sizeof expected);
  p2p_link_proof_sign(&proof, &device_secret, signature);
  CHECK(memcmp(signature, expected, sizeof expected) == 0);
  CHECK(p2p_link_proof_check(&proof, &device, expected));
}

TEST(proofs_on_links_are_those_of_the_vectors) { check_cases("proofs", 2, check_proof); }

static void certifier(const json_t *object, struct p2p_credentials *out) {
  *out = (struct p2p_credentials){.key.epoch = epoch_of(object)};
  snprintf(out->cluster, sizeof out->cluster, "%s", vectors_text(object, "cluster"));
  whole(object, "owner", out->owner.bytes, P2P_SIGN_KEY_LEN);
  whole(object, "device", out->device.bytes, P2P_SIGN_KEY_LEN);
  whole(object, "device_seed", out->device_secret.bytes, P2P_SIGN_KEY_LEN);
  whole(object, "certificate", out->certificate, sizeof out->certificate);
}

static void check_certified_line(const json_t *object) {
  struct p2p_credentials ours;
  struct p2p_line_badge badge = {.number = 0};
  struct p2p_line line;
  char number[24];
  certifier(object, &ours);
  parse(object, "line", &line);
  CHECK(p2p_certified_line_check(&line, &ours, NULL, &badge));
  CHECK_STR(badge.user, vectors_text(object, "user"));
  snprintf(number, sizeof number, "%llu", (unsigned long long)badge.number);
  CHECK_STR(number, vectors_text(object, "number"));
  same(object, "device", badge.device.bytes, P2P_SIGN_KEY_LEN);
  parse(object, "inner", &line);
  CHECK(p2p_certified_line_sign(&line, &ours, badge.number) == P2P_OK);
  same_line(object, "line", &line);
}

static void check_bad_certified_line(const json_t *object) {
  struct p2p_credentials ours;
  struct p2p_line_badge badge;
  struct p2p_line line;
  certifier(json_array_get(json_object_get(root, "certified_lines"), 0), &ours);
  parse(object, "line", &line);
  bool is_accepted = p2p_certified_line_check(&line, &ours, NULL, &badge);
  if (is_accepted) fprintf(stderr, "accepted: %s\n", vectors_text(object, "why"));
  CHECK(!is_accepted);
}

TEST(certified_lines_are_those_of_the_vectors) {
  check_cases("certified_lines", 2, check_certified_line);
  check_cases("bad_certified_lines", 9, check_bad_certified_line);
}

static void check_enrol(const json_t *object) {
  const char *cluster = vectors_text(object, "cluster");
  struct p2p_enrol enrol = {.is_invited = vectors_text(object, "invitation")[0] != '\0'}, read;
  struct p2p_sign_secret device, invitation;
  struct p2p_line line;
  identity(object, &enrol.from);
  whole(object, "device_seed", device.bytes, P2P_SIGN_KEY_LEN);
  whole(object, "device", enrol.device.bytes, P2P_SIGN_KEY_LEN);
  if (enrol.is_invited) whole(object, "invitation_seed", invitation.bytes, P2P_SIGN_KEY_LEN);
  CHECK(p2p_enrol_write(&line, &enrol, cluster, &device, enrol.is_invited ? &invitation : NULL,
                        NOW) == P2P_OK);
  same_line(object, "line", &line);
  parse(object, "line", &line);
  CHECK(p2p_enrol_read(&line, cluster, &read) == P2P_OK && read.is_invited == enrol.is_invited);
  same(object, "device", read.device.bytes, P2P_SIGN_KEY_LEN);
  if (enrol.is_invited) same(object, "invitation", read.invitation.bytes, P2P_SIGN_KEY_LEN);
}

static void check_bad_enrol(const json_t *object) {
  struct p2p_enrol enrol;
  struct p2p_line line;
  const char *text = vectors_text(object, "line");
  int code = p2p_line_parse(text, strlen(text), &line);
  if (code == P2P_OK) code = p2p_enrol_read(&line, "alice/friends", &enrol);
  if (code == P2P_OK) fprintf(stderr, "accepted: %s\n", vectors_text(object, "why"));
  CHECK(code != P2P_OK);
}

TEST(enrol_lines_are_those_of_the_vectors) {
  check_cases("enrol", 2, check_enrol);
  check_cases("bad_enrol", 8, check_bad_enrol);
}

/* What our writer seals, byte by byte. */
static void check_granting(const json_t *object, const struct p2p_grant *grant) {
  struct p2p_identity from;
  struct p2p_sign_secret owner, device;
  struct p2p_sign_public to;
  struct p2p_owner_device ours = {vectors_text(object, "cluster"), &from, &owner};
  struct p2p_line line;
  uint8_t box[1024], plain[1024];
  size_t length;
  identity(object, &from);
  whole(object, "owner_seed", owner.bytes, P2P_SIGN_KEY_LEN);
  whole(object, "device_seed", device.bytes, P2P_SIGN_KEY_LEN);
  whole(object, "device", to.bytes, P2P_SIGN_KEY_LEN);
  CHECK(p2p_grant_write(&line, grant, &to, &ours, NOW) == P2P_OK);
  const char *text = p2p_line_get(&line, "box");
  CHECK(p2p_base64url_decode(text, strlen(text), box, sizeof box, &length) == P2P_OK);
  CHECK(p2p_sign_unseal(&device, box, length, plain) == P2P_OK);
  same(object, "plain", plain, length - P2P_SEAL_OVERHEAD);
}

static void check_enrolled(const json_t *object) {
  struct p2p_sign_secret device;
  struct p2p_grant grant = {0};
  struct p2p_line line;
  whole(object, "device_seed", device.bytes, P2P_SIGN_KEY_LEN);
  parse(object, "line", &line);
  CHECK(p2p_grant_read(&line, vectors_text(object, "cluster"), &device, &grant) == P2P_OK);
  CHECK(grant.epoch == epoch_of(object));
  same(object, "S", grant.secret, sizeof grant.secret);
  same(object, "owner", grant.owner.bytes, P2P_SIGN_KEY_LEN);
  same(object, "certificate", grant.certificate, sizeof grant.certificate);
  CHECK_STR(grant.user, vectors_text(object, "user"));
  check_granting(object, &grant);
}

static void check_bad_enrolled(const json_t *object) {
  struct p2p_sign_secret device;
  struct p2p_grant grant;
  struct p2p_line line;
  whole(json_array_get(json_object_get(root, "enrolled"), 0), "device_seed", device.bytes,
        P2P_SIGN_KEY_LEN);
  parse(object, "line", &line);
  int code = p2p_grant_read(&line, "alice/friends", &device, &grant);
  if (code != P2P_ERR_CRYPTO && code != P2P_ERR_PARSE)
    fprintf(stderr, "%d: %s\n", code, vectors_text(object, "why"));
  CHECK(code == P2P_ERR_CRYPTO || code == P2P_ERR_PARSE);
}

TEST(enrolled_lines_are_those_of_the_vectors) {
  check_cases("enrolled", 2, check_enrolled);
  check_cases("bad_enrolled", 10, check_bad_enrolled);
}

static void check_refused(const json_t *object) {
  static const char *const reasons[] = {"unlisted", "device", "invite", "expelled", "keyless"};
  const char *cluster = vectors_text(object, "cluster"), *to = vectors_text(object, "to");
  struct p2p_identity from;
  struct p2p_sign_secret owner;
  struct p2p_owner_device ours = {cluster, &from, &owner};
  struct p2p_refused read = {.reason = P2P_REFUSAL_UNLISTED};
  struct p2p_line line;
  identity(object, &from);
  whole(object, "owner_seed", owner.bytes, P2P_SIGN_KEY_LEN);
  parse(object, "line", &line);
  CHECK(p2p_refused_read(&line, cluster, to, &read) == P2P_OK);
  CHECK_STR(reasons[read.reason], vectors_text(object, "reason"));
  same(object, "owner", read.owner.bytes, P2P_SIGN_KEY_LEN);
  CHECK(p2p_refused_write(&line, read.reason, to, &ours, NOW) == P2P_OK);
  same_line(object, "line", &line);
}

TEST(refused_lines_are_those_of_the_vectors) { check_cases("refused", 5, check_refused); }

static void check_epoch(const json_t *object) {
  const char *cluster = vectors_text(object, "cluster");
  const json_t *expelled = json_object_get(object, "expelled");
  struct p2p_identity from;
  struct p2p_sign_secret owner;
  struct p2p_owner_device ours = {cluster, &from, &owner};
  struct p2p_epoch read = {0};
  struct p2p_line line;
  char hex[2 * P2P_SIGN_KEY_LEN + 1];
  identity(object, &from);
  whole(object, "owner_seed", owner.bytes, P2P_SIGN_KEY_LEN);
  parse(object, "line", &line);
  CHECK(p2p_epoch_read(&line, cluster, &read) == P2P_OK && read.epoch == epoch_of(object));
  CHECK(read.n_expelled == json_array_size(expelled));
  for (size_t i = 0; i < read.n_expelled; i++) {
    p2p_hex_encode(read.expelled[i].bytes, P2P_SIGN_KEY_LEN, hex);
    CHECK_STR(hex, json_string_value(json_array_get(expelled, i)));
  }
  CHECK(p2p_epoch_write(&line, &read, &ours, NOW) == P2P_OK);
  same_line(object, "line", &line);
}

TEST(epoch_lines_are_those_of_the_vectors) { check_cases("epoch", 3, check_epoch); }

TEST(prepare) {
  CHECK(p2p_crypto_init() == P2P_OK);
  setenv("TZ", "UTC", 1);
  tzset();
  root = vectors_load("keys");
  CHECK(root != NULL);
}

TEST(clean_up) { json_decref(root); }

UNIT_MAIN("key_vectors", UNIT(prepare), UNIT(keys_are_derived_as_in_the_vectors),
          UNIT(mailboxes_and_passwords_of_links_are_those_of_the_vectors),
          UNIT(sealed_lines_are_those_of_the_vectors), UNIT(bad_sealed_lines_are_refused),
          UNIT(certificates_are_those_of_the_vectors),
          UNIT(proofs_on_links_are_those_of_the_vectors),
          UNIT(certified_lines_are_those_of_the_vectors),
          UNIT(enrol_lines_are_those_of_the_vectors), UNIT(enrolled_lines_are_those_of_the_vectors),
          UNIT(refused_lines_are_those_of_the_vectors), UNIT(epoch_lines_are_those_of_the_vectors),
          UNIT(clean_up))
