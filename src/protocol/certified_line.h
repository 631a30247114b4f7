/* A line of the board that shows whose it is: the certificate of the sender's device, and this
 * device's signature of the whole line. In a cluster with a key, the hello of a worker is one.
 * Pure. Grammar: docs/protocol.md, "Certified lines". */
#ifndef P2P_PROTOCOL_CERTIFIED_LINE_H
#define P2P_PROTOCOL_CERTIFIED_LINE_H

#include <stdbool.h>
#include <stdint.h>

#include "protocol/credentials.h"
#include "protocol/line.h"

struct p2p_line_badge {
  char user[P2P_USER_NAME_MAX]; /* of the certificate, and in the sender's name */
  struct p2p_sign_public device;
  uint64_t number; /* grows with each line of the process: a smaller one is a repetition */
};

/* Appends number, device, certificate and proof. P2P_ERR_TOO_LARGE; P2P_ERR_INVALID for a line
 * without a sender. */
int p2p_certified_line_sign(struct p2p_line *line, const struct p2p_credentials *ours,
                            uint64_t number) P2P_MUST_USE;

/* False unless the owner certified the device for the user in the sender's name and has not
 * expelled it, and the device signed this line. `known`: a badge of a line that was believed in
 * this epoch, whose certificate need not be checked again; NULL: none. *out is set only on true. */
bool p2p_certified_line_check(const struct p2p_line *line, const struct p2p_credentials *ours,
                              const struct p2p_line_badge *known,
                              struct p2p_line_badge *out) P2P_MUST_USE;

#endif
