/* A context of libcrypto for each key: the schedule of a key is made once. */
#include "crypto/cipher.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/endian.h"

#define NONCE_LEN 12

struct p2p_cipher {
  EVP_CIPHER_CTX *context;
};

int p2p_cipher_new(enum p2p_cipher_kind kind, bool seals, struct p2p_cipher **out) {
  const EVP_CIPHER *type =
      kind == P2P_CIPHER_AES_256_GCM ? EVP_aes_256_gcm() : EVP_chacha20_poly1305();
  struct p2p_cipher *cipher = calloc(1, sizeof *cipher);
  if (cipher == NULL) return P2P_ERR_MEMORY;
  cipher->context = EVP_CIPHER_CTX_new();
  int code = P2P_OK;
  if (cipher->context == NULL)
    code = P2P_ERR_MEMORY;
  else if (EVP_CipherInit_ex(cipher->context, type, NULL, NULL, NULL, seals) != 1)
    code = P2P_ERR_CRYPTO;
  if (code != P2P_OK)
    p2p_cipher_free(cipher);
  else
    *out = cipher;
  return code;
}

int p2p_cipher_set_key(struct p2p_cipher *cipher, const uint8_t key[P2P_CIPHER_KEY_LEN]) {
  return EVP_CipherInit_ex(cipher->context, NULL, NULL, key, NULL, -1) == 1 ? P2P_OK
                                                                            : P2P_ERR_CRYPTO;
}

void p2p_cipher_free(struct p2p_cipher *cipher) {
  if (cipher == NULL) return;
  EVP_CIPHER_CTX_free(cipher->context); /* wipes its key */
  free(cipher);
}

/* Sets the nonce, takes in the label and converts the text. */
static bool convert(EVP_CIPHER_CTX *context, uint64_t number, struct p2p_span label, uint8_t *text,
                    size_t length) {
  uint8_t nonce[NONCE_LEN] = {0};
  int n;
  p2p_set_u64(nonce + NONCE_LEN - 8, number);
  return EVP_CipherInit_ex(context, NULL, NULL, NULL, nonce, -1) == 1 &&
         EVP_CipherUpdate(context, NULL, &n, label.bytes, (int)label.length) == 1 &&
         EVP_CipherUpdate(context, text, &n, text, (int)length) == 1;
}

int p2p_cipher_seal(struct p2p_cipher *cipher, uint64_t number, struct p2p_span label,
                    uint8_t *text, size_t length, uint8_t tag[P2P_CIPHER_TAG_LEN]) {
  int n;
  bool is_sealed =
      convert(cipher->context, number, label, text, length) &&
      EVP_CipherFinal_ex(cipher->context, text + length, &n) == 1 &&
      EVP_CIPHER_CTX_ctrl(cipher->context, EVP_CTRL_AEAD_GET_TAG, P2P_CIPHER_TAG_LEN, tag) == 1;
  return is_sealed ? P2P_OK : P2P_ERR_CRYPTO;
}

int p2p_cipher_open(struct p2p_cipher *cipher, uint64_t number, struct p2p_span label,
                    uint8_t *text, size_t length, const uint8_t tag[P2P_CIPHER_TAG_LEN]) {
  uint8_t expected[P2P_CIPHER_TAG_LEN];
  int n;
  memcpy(expected, tag, sizeof expected);
  bool is_opened =
      convert(cipher->context, number, label, text, length) &&
      EVP_CIPHER_CTX_ctrl(cipher->context, EVP_CTRL_AEAD_SET_TAG, sizeof expected, expected) == 1 &&
      EVP_CipherFinal_ex(cipher->context, text + length, &n) == 1;
  return is_opened ? P2P_OK : P2P_ERR_CRYPTO;
}

/* ---- which ciphers ---- */

static int64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* The shortest of several runs, in ns; 0 if libcrypto does not provide the cipher. */
static int64_t measure(enum p2p_cipher_kind kind) {
  static const uint8_t KEY[P2P_CIPHER_KEY_LEN];
  uint8_t text[8192] = {0}, tag[P2P_CIPHER_TAG_LEN];
  struct p2p_cipher *cipher;
  int64_t best = 0;
  if (p2p_cipher_new(kind, true, &cipher) != P2P_OK) return 0;
  int code = p2p_cipher_set_key(cipher, KEY);
  for (uint64_t i = 0; code == P2P_OK && i < 8; i++) {
    int64_t began = now_ns();
    code = p2p_cipher_seal(cipher, i, P2P_SPAN("", 0), text, sizeof text, tag);
    int64_t took = now_ns() - began;
    if (best == 0 || took < best) best = took > 0 ? took : 1;
  }
  p2p_cipher_free(cipher);
  return code == P2P_OK ? best : 0;
}

static struct p2p_cipher_list ours;

static void find_ours(void) {
  int64_t aes = measure(P2P_CIPHER_AES_256_GCM), chacha = measure(P2P_CIPHER_CHACHA20_POLY1305);
  /* With instructions for AES, it is faster or the two are about the same; without, it takes
   * several times as long. */
  bool is_aes_first = aes > 0 && (chacha == 0 || aes < 2 * chacha);
  if (is_aes_first) ours.kinds[ours.count++] = P2P_CIPHER_AES_256_GCM;
  if (chacha > 0) ours.kinds[ours.count++] = P2P_CIPHER_CHACHA20_POLY1305;
  if (aes > 0 && !is_aes_first) ours.kinds[ours.count++] = P2P_CIPHER_AES_256_GCM;
}

const struct p2p_cipher_list *p2p_cipher_ours(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, find_ours);
  return &ours;
}
