/* The `leave` line. */
#include "protocol/leave.h"

int p2p_leave_write(struct p2p_line *out, const struct p2p_identity *from, time_t now) {
  return p2p_line_begin(out, "leave", from, now, 0);
}

int p2p_leave_read(const struct p2p_line *line, struct p2p_identity *from) {
  if (!p2p_line_is(line, "leave")) return P2P_ERR_CANCELED;
  return p2p_line_sender(line, from) ? P2P_OK : P2P_ERR_PARSE;
}
