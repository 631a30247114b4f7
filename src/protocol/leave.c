/* The `leave` line. */
#include "protocol/leave.h"

#include <stdio.h>
#include <string.h>

int p2p_leave_write(struct p2p_line *out, const char *from, time_t now) {
  p2p_line_init(out);
  return p2p_member_name_is_valid(from) ? p2p_line_begin(out, "leave", from, now, 0)
                                        : P2P_ERR_INVALID;
}

int p2p_leave_read(const struct p2p_line *line, char from[P2P_MEMBER_NAME_MAX]) {
  const char *type = p2p_line_get(line, "type"), *name = p2p_line_get(line, "from");
  if (type == NULL || strcmp(type, "leave") != 0) return P2P_ERR_CANCELED;
  if (name == NULL || !p2p_member_name_is_valid(name)) return P2P_ERR_PARSE;
  snprintf(from, P2P_MEMBER_NAME_MAX, "%s", name);
  return P2P_OK;
}
