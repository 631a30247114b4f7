/* Initialization of the libraries, libsodium's generator, and its constant-time comparison. */
#include "crypto/random.h"

#include <openssl/crypto.h>
#include <sodium.h>

#include "base/err.h"

int p2p_crypto_init(void) {
  /* Without any option it would do nothing at all. */
  if (OPENSSL_init_crypto(OPENSSL_INIT_ADD_ALL_CIPHERS | OPENSSL_INIT_ADD_ALL_DIGESTS, NULL) != 1)
    return P2P_ERR_CRYPTO;
  return sodium_init() < 0 ? P2P_ERR_CRYPTO : P2P_OK;
}

void p2p_random_bytes(void *out, size_t length) { randombytes_buf(out, length); }

uint32_t p2p_random_below(uint32_t bound) { return randombytes_uniform(bound); }

int p2p_equal(const void *a, const void *b, size_t length) {
  return sodium_memcmp(a, b, length) == 0;
}
