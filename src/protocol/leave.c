/* The `leave` line. */
#include "protocol/leave.h"

#include <string.h>

int p2p_leave_write(struct p2p_line *out, const struct p2p_identity *from, time_t now) {
  return p2p_line_begin(out, "leave", from, now, 0);
}

int p2p_leave_read(const struct p2p_line *line, struct p2p_identity *from) {
  const char *type = p2p_line_get(line, "type");
  if (type == NULL || strcmp(type, "leave") != 0) return P2P_ERR_CANCELED;
  return p2p_line_sender(line, from) ? P2P_OK : P2P_ERR_PARSE;
}
