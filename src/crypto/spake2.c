/* SPAKE2 on the Ed25519 group, symmetric mode, as Magic Wormhole speaks it: from a short password
 * that both sides know, a key that nobody else does. Scalars are reduced from big-endian numbers
 * and multiplied without clamping; both matter for meeting other implementations. */
#include "crypto/spake2.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/hash.h"

#define POINT_LEN crypto_core_ed25519_BYTES
#define SCALAR_LEN crypto_core_ed25519_SCALARBYTES
#define PASSWORD_NUMBER_LEN 48

static const uint8_t BLINDING[POINT_LEN] = {/* S of the symmetric mode */
                                            0x6f, 0x00, 0xda, 0xe8, 0x7c, 0x1b, 0xe1, 0xa7,
                                            0x3b, 0x59, 0x22, 0xef, 0x43, 0x1c, 0xd8, 0xf5,
                                            0x78, 0x79, 0x56, 0x9c, 0x22, 0x2d, 0x22, 0xb1,
                                            0xcd, 0x71, 0xe8, 0x54, 0x6a, 0xb8, 0xe6, 0xf1};
static const uint8_t ORDER_MINUS_ONE[SCALAR_LEN] = {/* L - 1, little-endian */
                                                    0xec, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58,
                                                    0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
                                                    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
                                                    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x10};
static const uint8_t IDENTITY_POINT[POINT_LEN] = {1};

struct p2p_spake2 {
  uint8_t secret[SCALAR_LEN];          /* x */
  uint8_t password_scalar[SCALAR_LEN]; /* pw */
  uint8_t ours[POINT_LEN];             /* X* */
  uint8_t password_hash[P2P_SHA256_LEN], identity_hash[P2P_SHA256_LEN];
};

/* A big-endian number of at most 64 bytes modulo L. */
static void scalar_from_number(const uint8_t *number, size_t length, uint8_t out[SCALAR_LEN]) {
  uint8_t reversed[crypto_core_ed25519_NONREDUCEDSCALARBYTES] = {0};

  for (size_t i = 0; i < length; i++) reversed[i] = number[length - 1 - i];
  crypto_core_ed25519_scalar_reduce(out, reversed);
  sodium_memzero(reversed, sizeof reversed);
}

static int scalar_from_password(struct p2p_span password, uint8_t out[SCALAR_LEN]) {
  uint8_t number[PASSWORD_NUMBER_LEN];
  int code = p2p_hkdf(password, P2P_NO_SPAN, P2P_SPAN("SPAKE2 pw", 9), number, sizeof number);

  if (code == P2P_OK) scalar_from_number(number, sizeof number, out);
  sodium_memzero(number, sizeof number);
  return code;
}

/* X* = x B + pw S. Refuses zero scalars. */
static int blinded_point(const struct p2p_spake2 *state, uint8_t out[POINT_LEN]) {
  uint8_t point[POINT_LEN], blind[POINT_LEN];
  int code = P2P_ERR_CRYPTO;

  if (crypto_scalarmult_ed25519_base_noclamp(point, state->secret) == 0 &&
      crypto_scalarmult_ed25519_noclamp(blind, state->password_scalar, BLINDING) == 0 &&
      crypto_core_ed25519_add(out, point, blind) == 0)
    code = P2P_OK;
  sodium_memzero(point, sizeof point);
  sodium_memzero(blind, sizeof blind);
  return code;
}

int p2p_spake2_start(struct p2p_span password, struct p2p_span identity,
                     const uint8_t entropy[P2P_SPAKE2_ENTROPY_LEN],
                     uint8_t message[P2P_SPAKE2_MESSAGE_LEN], struct p2p_spake2 **out,
                     struct p2p_err *err) {
  struct p2p_spake2 *state = calloc(1, sizeof *state);

  if (state == NULL) return p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
  scalar_from_number(entropy, P2P_SPAKE2_ENTROPY_LEN, state->secret);
  int code = scalar_from_password(password, state->password_scalar);
  if (code == P2P_OK) code = blinded_point(state, state->ours);
  if (code != P2P_OK) {
    p2p_spake2_free(state);
    return p2p_err_set(err, P2P_ERR_CRYPTO,
                       "cannot start the key exchange: unusable random numbers");
  }
  p2p_sha256(password.bytes, password.length, state->password_hash);
  p2p_sha256(identity.bytes, identity.length, state->identity_hash);
  message[0] = 'S';
  memcpy(message + 1, state->ours, POINT_LEN);
  *out = state;
  return P2P_OK;
}

/* In the subgroup of order L, and not the identity. libsodium up to 1.0.20 takes a point that has a
 * part of order 2 for one (it looks at the x coordinate of L P alone: CVE-2025-69277), so L P is
 * compared whole. */
static int is_good_point(const uint8_t point[POINT_LEN]) {
  uint8_t product[POINT_LEN];

  return crypto_core_ed25519_is_valid_point(point) == 1 &&
         crypto_scalarmult_ed25519_noclamp(product, ORDER_MINUS_ONE, point) == 0 &&
         crypto_core_ed25519_add(product, product, point) == 0 &&
         memcmp(product, IDENTITY_POINT, POINT_LEN) == 0;
}

/* K = x (Y* - pw S), without a cofactor. */
static int shared_point(const struct p2p_spake2 *state, const uint8_t peer[POINT_LEN],
                        uint8_t out[POINT_LEN]) {
  uint8_t negated[SCALAR_LEN], blind[POINT_LEN], bare[POINT_LEN];
  int code = P2P_ERR_CRYPTO;

  crypto_core_ed25519_scalar_negate(negated, state->password_scalar);
  if (crypto_scalarmult_ed25519_noclamp(blind, negated, BLINDING) == 0 &&
      crypto_core_ed25519_add(bare, peer, blind) == 0 &&
      crypto_scalarmult_ed25519_noclamp(out, state->secret, bare) == 0)
    code = P2P_OK;
  sodium_memzero(negated, sizeof negated);
  sodium_memzero(blind, sizeof blind);
  sodium_memzero(bare, sizeof bare);
  return code;
}

static void transcript_key(const struct p2p_spake2 *state, const uint8_t peer[POINT_LEN],
                           const uint8_t shared[POINT_LEN], uint8_t key[P2P_SPAKE2_KEY_LEN]) {
  int ours_first = memcmp(state->ours, peer, POINT_LEN) < 0;
  crypto_hash_sha256_state hash;

  crypto_hash_sha256_init(&hash);
  crypto_hash_sha256_update(&hash, state->password_hash, P2P_SHA256_LEN);
  crypto_hash_sha256_update(&hash, state->identity_hash, P2P_SHA256_LEN);
  crypto_hash_sha256_update(&hash, ours_first ? state->ours : peer, POINT_LEN);
  crypto_hash_sha256_update(&hash, ours_first ? peer : state->ours, POINT_LEN);
  crypto_hash_sha256_update(&hash, shared, POINT_LEN);
  crypto_hash_sha256_final(&hash, key);
  sodium_memzero(&hash, sizeof hash);
}

static int finish(const struct p2p_spake2 *state, const uint8_t *peer, size_t peer_length,
                  uint8_t key[P2P_SPAKE2_KEY_LEN], struct p2p_err *err) {
  uint8_t shared[POINT_LEN];

  if (peer_length != P2P_SPAKE2_MESSAGE_LEN || peer[0] != 'S')
    return p2p_err_set(err, P2P_ERR_PARSE,
                       "the key exchange message of the other side is malformed");
  peer++;
  if (memcmp(peer, state->ours, POINT_LEN) == 0)
    return p2p_err_set(err, P2P_ERR_CRYPTO, "our own key exchange message was sent back to us");
  if (!is_good_point(peer) || shared_point(state, peer, shared) != P2P_OK)
    return p2p_err_set(err, P2P_ERR_CRYPTO,
                       "the key exchange message of the other side is not a valid point");
  transcript_key(state, peer, shared, key);
  sodium_memzero(shared, sizeof shared);
  return P2P_OK;
}

int p2p_spake2_finish(struct p2p_spake2 *state, const uint8_t *peer, size_t peer_length,
                      uint8_t key[P2P_SPAKE2_KEY_LEN], struct p2p_err *err) {
  int code = finish(state, peer, peer_length, key, err);

  p2p_spake2_free(state);
  return code;
}

void p2p_spake2_free(struct p2p_spake2 *state) {
  if (state == NULL) return;
  sodium_memzero(state, sizeof *state);
  free(state);
}
