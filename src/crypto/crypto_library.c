/* Versions of libsodium and libcrypto. */
#include "crypto/crypto_library.h"

#include <openssl/crypto.h>
#include <openssl/opensslv.h>
#include <sodium.h>
#include <stdio.h>

void p2p_crypto_library_versions(struct p2p_library out[static P2P_CRYPTO_LIBRARIES]) {
  out[0] = (struct p2p_library){.name = "libsodium", .built = SODIUM_VERSION_STRING};
  snprintf(out[0].running, sizeof out[0].running, "%s", sodium_version_string());
  out[1] = (struct p2p_library){.name = "libcrypto", .built = OPENSSL_VERSION_TEXT};
  snprintf(out[1].running, sizeof out[1].running, "%s", OpenSSL_version(OPENSSL_VERSION));
}
