/* A context of libcrypto, before which small pieces are gathered. */
#include "crypto/fingerprint.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/endian.h"
#include "crypto/hash.h"
#include "crypto/random.h"

#define KEY_LEN 32
#define TAG_LEN 16
#define GATHER_BYTES 4096

struct p2p_fingerprint {
  EVP_MD_CTX *context;
  uint64_t size;
  size_t gathered;
  uint8_t bytes[GATHER_BYTES];
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static uint8_t hash_key[KEY_LEN], id_key[KEY_LEN];

static void make_keys(void) {
  p2p_random_bytes(hash_key, sizeof hash_key);
  p2p_random_bytes(id_key, sizeof id_key);
}

static bool start(EVP_MD_CTX *context) {
  EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_POLY1305, NULL, hash_key, sizeof hash_key);
  bool is_started =
      key != NULL && context != NULL && EVP_DigestSignInit(context, NULL, NULL, NULL, key) == 1;
  EVP_PKEY_free(key);
  return is_started;
}

struct p2p_fingerprint *p2p_fingerprint_new(void) {
  struct p2p_fingerprint *fingerprint = malloc(sizeof *fingerprint);
  if (fingerprint == NULL || p2p_crypto_init() != P2P_OK) {
    free(fingerprint);
    return NULL;
  }
  pthread_once(&once, make_keys);
  fingerprint->context = EVP_MD_CTX_new();
  fingerprint->size = fingerprint->gathered = 0;
  if (start(fingerprint->context)) return fingerprint;
  p2p_fingerprint_free(fingerprint);
  return NULL;
}

void p2p_fingerprint_free(struct p2p_fingerprint *fingerprint) {
  if (fingerprint == NULL) return;
  EVP_MD_CTX_free(fingerprint->context);
  free(fingerprint);
}

static int add(struct p2p_fingerprint *fingerprint, const void *bytes, size_t length) {
  return EVP_DigestSignUpdate(fingerprint->context, bytes, length) == 1 ? P2P_OK : P2P_ERR_CRYPTO;
}

static int flush(struct p2p_fingerprint *fingerprint) {
  int code = add(fingerprint, fingerprint->bytes, fingerprint->gathered);
  fingerprint->gathered = 0;
  return code;
}

int p2p_fingerprint_add(struct p2p_fingerprint *fingerprint, const void *bytes, size_t length) {
  int code = P2P_OK;
  fingerprint->size += length;
  if (length > GATHER_BYTES - fingerprint->gathered) code = flush(fingerprint);
  if (code != P2P_OK || length > GATHER_BYTES)
    return code != P2P_OK ? code : add(fingerprint, bytes, length);
  if (length > 0) memcpy(fingerprint->bytes + fingerprint->gathered, bytes, length);
  fingerprint->gathered += length;
  return P2P_OK;
}

int p2p_fingerprint_end(struct p2p_fingerprint *fingerprint, uint8_t out[P2P_FINGERPRINT_LEN],
                        uint64_t *size) {
  uint8_t text[TAG_LEN + 8], id[P2P_SHA256_LEN];
  size_t length = TAG_LEN;
  if (flush(fingerprint) != P2P_OK ||
      EVP_DigestSignFinal(fingerprint->context, text, &length) != 1 || length != TAG_LEN)
    return P2P_ERR_CRYPTO;
  p2p_set_u64(text + TAG_LEN, fingerprint->size);
  p2p_hmac_sha256((struct p2p_span){id_key, sizeof id_key}, (struct p2p_span){text, sizeof text},
                  id);
  memcpy(out, id, P2P_FINGERPRINT_LEN);
  *size = fingerprint->size;
  return P2P_OK;
}
