/* The HELLO frame, the first one that either end of a link sends: lines "key=value". Pure. Grammar:
 * docs/protocol.md, "HELLO". */
#ifndef P2P_PROTOCOL_HELLO_H
#define P2P_PROTOCOL_HELLO_H

#include <stddef.h>
#include <stdint.h>

#include "protocol/identity.h"
#include "protocol/machine.h"
#include "protocol/role.h"
#include "protocol/versions.h"

#define P2P_HELLO_MAX 1024 /* bytes */

struct p2p_hello {
  char member[P2P_IDENTITY_ID_MAX];
  char r_version[P2P_VERSION_MAX], future_version[P2P_VERSION_MAX];
  /* Of a worker. */
  uint32_t slots;
  struct p2p_machine machine;
};

/* Writes the payload, with a NUL behind it; slots and machine for a worker only. Returns its
 * length, or P2P_ERR_TOO_LARGE. */
long p2p_hello_write(const struct p2p_hello *hello, enum p2p_role sender, char *out,
                     size_t size) P2P_MUST_USE;

/* Reads the payload of a client's or a worker's HELLO. Unknown keys are ignored, the first of equal
 * keys counts. P2P_ERR_PROTOCOL names the key that is missing or malformed. *out is set only on
 * P2P_OK. */
int p2p_hello_read(const void *bytes, size_t length, enum p2p_role sender, struct p2p_hello *out,
                   struct p2p_err *err) P2P_MUST_USE;

#endif
