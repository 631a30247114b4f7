/* The receipt: the receiver's record after the last byte of a file, in JSON. Pure. */
#ifndef P2P_TRANSFER_RECEIPT_H
#define P2P_TRANSFER_RECEIPT_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "crypto/hash.h"

#define P2P_RECEIPT_MAX 128 /* bytes, with the NUL */

/* `hash`: the SHA-256 of what was received. */
void p2p_receipt_format(const uint8_t hash[P2P_SHA256_LEN], char out[P2P_RECEIPT_MAX]);
/* Checks that the receiver confirms the file, whose hash is `hash`. P2P_ERR_PARSE if it does not;
 * P2P_ERR_CRYPTO if it received something else. Receivers may omit the hash. */
int p2p_receipt_check(const uint8_t *text, size_t length, const uint8_t hash[P2P_SHA256_LEN],
                      struct p2p_err *err) P2P_MUST_USE;

#endif
