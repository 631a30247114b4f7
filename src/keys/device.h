/* The key of this device, which identifies it on the board and on links. It is made on first use,
 * kept in the file `device`, and never sent. */
#ifndef P2P_KEYS_DEVICE_H
#define P2P_KEYS_DEVICE_H

#include <stdbool.h>

#include "base/buf.h"
#include "crypto/hash.h"
#include "crypto/sign.h"

#define P2P_FINGERPRINT_MAX 51 /* "SHA256:", 43 characters and a NUL */

struct p2p_device {
  struct p2p_sign_secret secret_key; /* the owner wipes it */
  struct p2p_sign_public public_key;
};

/* Reads the key, or makes it, and the folder with it. All processes that do this at once get the
 * same key. Blocks; any thread but the io thread. Errors of keys/folder.h and keys/private_file.h;
 * P2P_ERR_PARSE ("keys_damaged"), P2P_ERR_VERSION ("keys_newer"). After an error, *out is wiped. */
int p2p_device_load(const char *folder, struct p2p_device *out, struct p2p_err *err) P2P_MUST_USE;

/* The content of the file. P2P_ERR_PARSE, P2P_ERR_VERSION. Pure. */
int p2p_device_parse(const struct p2p_buf *contents, struct p2p_device *out) P2P_MUST_USE;

/* The key as people compare it: "SHA256:" and its hash in base64 without padding. Pure. */
void p2p_fingerprint(const struct p2p_sign_public *key, char out[P2P_FINGERPRINT_MAX]);
/* The same from the hash (SHA-256) of the key. Pure. */
void p2p_fingerprint_of_hash(const uint8_t hash[static P2P_SHA256_LEN],
                             char out[P2P_FINGERPRINT_MAX]);
/* The hash in a fingerprint. False for another text. Pure. */
bool p2p_fingerprint_read(const char *text, uint8_t hash[static P2P_SHA256_LEN]) P2P_MUST_USE;

#endif
