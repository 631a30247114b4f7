/* The `leave` line, by which a member announces that it leaves the cluster. Pure. */
#ifndef P2P_PROTOCOL_LEAVE_H
#define P2P_PROTOCOL_LEAVE_H

#include <time.h>

#include "protocol/line.h"
#include "protocol/member_name.h"

/* Replaces *out by the line as of `now`. P2P_ERR_INVALID: `from` is not a member name. */
int p2p_leave_write(struct p2p_line *out, const char *from, time_t now) P2P_MUST_USE;

/* P2P_OK; P2P_ERR_CANCELED: another type; P2P_ERR_PARSE: malformed. `from` is set on P2P_OK. */
int p2p_leave_read(const struct p2p_line *line, char from[P2P_MEMBER_NAME_MAX]) P2P_MUST_USE;

#endif
