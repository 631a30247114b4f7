/* SHA-256 in parts: a context of libcrypto, and nothing more. */
#include "crypto/digest.h"

#include <openssl/evp.h>
#include <stdlib.h>

struct p2p_digest {
  EVP_MD_CTX *context;
};

struct p2p_digest *p2p_digest_new(void) {
  struct p2p_digest *digest = calloc(1, sizeof *digest);

  if (digest == NULL) return NULL;
  digest->context = EVP_MD_CTX_new();
  if (digest->context != NULL && EVP_DigestInit_ex(digest->context, EVP_sha256(), NULL) == 1)
    return digest;
  p2p_digest_free(digest);
  return NULL;
}

void p2p_digest_free(struct p2p_digest *digest) {
  if (digest == NULL) return;
  EVP_MD_CTX_free(digest->context);
  free(digest);
}

int p2p_digest_add(struct p2p_digest *digest, const void *bytes, size_t length) {
  return EVP_DigestUpdate(digest->context, bytes, length) == 1 ? P2P_OK : P2P_ERR_CRYPTO;
}

int p2p_digest_end(struct p2p_digest *digest, uint8_t out[P2P_SHA256_LEN]) {
  return EVP_DigestFinal_ex(digest->context, out, NULL) == 1 ? P2P_OK : P2P_ERR_CRYPTO;
}
