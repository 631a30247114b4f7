/* The keys of a cipher, one after the other. */
#include "wormhole/record_cipher.h"

#include <stdlib.h>

#include "base/buf.h"
#include "protocol/cipher_list.h"

#define PREFIX_LEN 4

_Static_assert(P2P_KEY_LEN == P2P_CIPHER_KEY_LEN, "record keys are keys of ciphers");

struct p2p_record_cipher {
  struct p2p_cipher *cipher;
  struct p2p_record_key key;
};

int p2p_record_cipher_new(enum p2p_cipher_kind kind, const struct p2p_transit_key *key,
                          bool by_sender, bool seals, struct p2p_record_cipher **out) {
  struct p2p_record_cipher *made = calloc(1, sizeof *made);
  if (made == NULL) return P2P_ERR_MEMORY;
  p2p_key_cipher(key, p2p_cipher_list_name(kind), by_sender, &made->key);
  int code = p2p_cipher_new(kind, seals, &made->cipher);
  if (code == P2P_OK) code = p2p_cipher_set_key(made->cipher, made->key.bytes);
  if (code != P2P_OK)
    p2p_record_cipher_free(made);
  else
    *out = made;
  return code;
}

void p2p_record_cipher_free(struct p2p_record_cipher *cipher) {
  if (cipher == NULL) return;
  p2p_cipher_free(cipher->cipher);
  p2p_wipe(cipher, sizeof *cipher);
  free(cipher);
}

static int prepare(struct p2p_record_cipher *cipher, uint64_t number) {
  if (number == UINT64_MAX) return P2P_ERR_CRYPTO;
  if (number % P2P_RECORD_KEY_SPAN != 0) return P2P_OK;
  p2p_key_next(&cipher->key);
  return p2p_cipher_set_key(cipher->cipher, cipher->key.bytes);
}

int p2p_record_cipher_seal(struct p2p_record_cipher *cipher, uint64_t number, uint8_t *record,
                           size_t length) {
  int code = prepare(cipher, number);
  if (code != P2P_OK) return code;
  return p2p_cipher_seal(cipher->cipher, number, P2P_SPAN(record, PREFIX_LEN),
                         record + P2P_RECORD_CIPHER_OVERHEAD, length, record + PREFIX_LEN);
}

int p2p_record_cipher_open(struct p2p_record_cipher *cipher, uint64_t number, uint8_t *record,
                           size_t length) {
  int code = prepare(cipher, number);
  if (code != P2P_OK) return code;
  return p2p_cipher_open(cipher->cipher, number, P2P_SPAN(record, PREFIX_LEN),
                         record + P2P_RECORD_CIPHER_OVERHEAD, length, record + PREFIX_LEN);
}
