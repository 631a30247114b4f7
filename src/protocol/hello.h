/* The HELLO frame, the first one that either end of a link sends: lines "key=value". Pure. Grammar:
 * docs/protocol.md, "HELLO". */
#ifndef P2P_PROTOCOL_HELLO_H
#define P2P_PROTOCOL_HELLO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/cipher_list.h"
#include "protocol/credentials.h"
#include "protocol/identity.h"
#include "protocol/machine.h"
#include "protocol/role.h"
#include "protocol/versions.h"

#define P2P_HELLO_MAX 1024 /* bytes */

struct p2p_hello {
  char member[P2P_IDENTITY_ID_MAX];
  char r_version[P2P_VERSION_MAX], future_version[P2P_VERSION_MAX];
  bool has_badge; /* in a cluster with a key */
  struct p2p_badge badge;
  struct p2p_cipher_list ciphers; /* for records; none in versions that know boxes only */
  /* Of a client. */
  bool reads_marks; /* of LOST: protocol/lost.h */
  /* Of a worker. */
  uint32_t slots;
  struct p2p_machine machine;
};

/* Writes the payload, with a NUL behind it; slots and machine for a worker only,
 * marks for a client only. Returns its length, or P2P_ERR_TOO_LARGE. */
long p2p_hello_write(const struct p2p_hello *hello, enum p2p_role sender, char *out,
                     size_t size) P2P_MUST_USE;

/* Reads the payload of a client's or a worker's HELLO. Unknown keys are ignored, the first of equal
 * keys counts. P2P_ERR_PROTOCOL names the key that is missing or malformed. *out is set only on
 * P2P_OK. */
int p2p_hello_read(const void *bytes, size_t length, enum p2p_role sender, struct p2p_hello *out,
                   struct p2p_err *err) P2P_MUST_USE;

/* In a cluster with a key: adds the badge of this device for the link with this verifier
 * (P2P_VERIFIER_LEN bytes). `ours`: NULL without a key; then nothing is added. */
void p2p_hello_certify(struct p2p_hello *hello, const struct p2p_credentials *ours,
                       enum p2p_role sender, const uint8_t *verifier);
/* Whether the badge is valid, and of the user in the name of the sender, "bob@laptop:99". Always,
 * without a key. */
bool p2p_hello_is_certified(const struct p2p_hello *hello, const struct p2p_credentials *ours,
                            enum p2p_role sender, const uint8_t *verifier,
                            const char *name) P2P_MUST_USE;

#endif
