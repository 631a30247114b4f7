/* Passes on the whole lines of a stream of bytes, so that lines of several writers never mix. Pure.
 */
#ifndef P2P_SERVER_WHOLE_LINES_H
#define P2P_SERVER_WHOLE_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

struct p2p_whole_lines {
  struct p2p_buf start; /* of a line whose end has not come */
  bool is_skipping;     /* the line is longer than P2P_LINE_MAX: its rest is dropped, too */
};

void p2p_whole_lines_init(struct p2p_whole_lines *lines);
void p2p_whole_lines_clear(struct p2p_whole_lines *lines); /* drops the start of a line */
/* Calls `pass` with one or more whole lines at a time. Keeps the start of a line for the next call.
 * Drops lines longer than P2P_LINE_MAX bytes, and a line that there is no memory for. */
void p2p_whole_lines_add(struct p2p_whole_lines *lines, const uint8_t *bytes, size_t length,
                         void (*pass)(void *arg, const uint8_t *bytes, size_t length), void *arg);

#endif
