/* Lines that arrive whole are passed on without a copy. */
#include "server/whole_lines.h"

#include <string.h>

#include "protocol/line.h"

void p2p_whole_lines_init(struct p2p_whole_lines *lines) {
  lines->is_skipping = false;
  p2p_buf_init(&lines->start, P2P_LINE_MAX);
}

void p2p_whole_lines_clear(struct p2p_whole_lines *lines) { p2p_buf_clear(&lines->start); }

/* The length of the first line with its newline; 0: it has no end. */
static size_t line_length(const uint8_t *bytes, size_t length) {
  const uint8_t *end = memchr(bytes, '\n', length);
  return end == NULL ? 0 : (size_t)(end - bytes) + 1;
}

/* The length of the lines that may be passed on at once. */
static size_t count_whole(const uint8_t *bytes, size_t length) {
  size_t whole = 0, next;
  while ((next = line_length(bytes + whole, length - whole)) > 0 && next <= P2P_LINE_MAX)
    whole += next;
  return whole;
}

/* Adds a part of a line, up to its end if there is one. Returns the length of the part. */
static size_t add_part(struct p2p_whole_lines *lines, const uint8_t *bytes, size_t length,
                       bool *is_complete) {
  size_t part = line_length(bytes, length);
  bool has_end = part > 0;
  if (!has_end) part = length;
  /* A line without an end must leave room for it. */
  bool fits = !lines->is_skipping && p2p_buf_len(&lines->start) + part + !has_end <= P2P_LINE_MAX &&
              p2p_buf_put(&lines->start, bytes, part) == P2P_OK;
  if (!fits) p2p_buf_clear(&lines->start);
  lines->is_skipping = !fits && !has_end;
  *is_complete = fits && has_end;
  return part;
}

void p2p_whole_lines_add(struct p2p_whole_lines *lines, const uint8_t *bytes, size_t length,
                         void (*pass)(void *arg, const uint8_t *bytes, size_t length), void *arg) {
  while (length > 0) {
    bool is_between = p2p_buf_len(&lines->start) == 0 && !lines->is_skipping, is_complete = false;
    size_t used = is_between ? count_whole(bytes, length) : 0;
    if (used > 0) {
      pass(arg, bytes, used);
    } else {
      used = add_part(lines, bytes, length, &is_complete);
      if (is_complete) pass(arg, p2p_buf_data(&lines->start), p2p_buf_len(&lines->start));
      if (is_complete) p2p_buf_clear(&lines->start);
    }
    bytes += used;
    length -= used;
  }
}
