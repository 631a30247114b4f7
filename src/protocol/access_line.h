/* The line by which the host of a cluster states, every two minutes, who has access. It has neither
 * `type` nor `from`. Pure. Grammar: docs/protocol.md, "Access". */
#ifndef P2P_PROTOCOL_ACCESS_LINE_H
#define P2P_PROTOCOL_ACCESS_LINE_H

#include <stddef.h>
#include <time.h>

#include "protocol/line.h"

#define P2P_ACCESS_LINE_VALID_S 240

struct p2p_access_line {
  const char *owner;
  size_t owner_length;
  size_t n_users;
  const char *users; /* joined by ';'; "" when there are none */
};

/* Replaces *out by the line as of `now`. P2P_ERR_INVALID for names or a count that the reader would
 * not accept; P2P_ERR_TOO_LARGE when the names do not fit into a line. */
int p2p_access_line_write(struct p2p_line *out, const struct p2p_access_line *access,
                          time_t now) P2P_MUST_USE;

/* P2P_OK; P2P_ERR_CANCELED: a line with a type, or without an owner; P2P_ERR_PARSE: malformed. The
 * texts of *out are borrowed from the line. */
int p2p_access_line_read(const struct p2p_line *line, struct p2p_access_line *out) P2P_MUST_USE;

#endif
