/* The `leave` line, by which a member announces that it leaves the cluster. Pure. */
#ifndef P2P_PROTOCOL_LEAVE_H
#define P2P_PROTOCOL_LEAVE_H

#include <time.h>

#include "protocol/identity.h"
#include "protocol/line.h"

/* Replaces *out by the line as of `now`. P2P_ERR_INVALID: `from` is malformed. */
int p2p_leave_write(struct p2p_line *out, const struct p2p_identity *from, time_t now) P2P_MUST_USE;

/* P2P_OK; P2P_ERR_CANCELED: another type; P2P_ERR_PARSE: malformed. *from is set on P2P_OK. */
int p2p_leave_read(const struct p2p_line *line, struct p2p_identity *from) P2P_MUST_USE;

#endif
