/* The board's lines: a stream of bytes, cut into pieces. The first byte is the length of the
 * pieces. However the stream is cut, the reader finds the same lines; each line that it finds is
 * written back and parsed to the same pairs. */
#include <stdbool.h>
#include <string.h>

#include "fuzz.h"
#include "protocol/line.h"

struct lines {
  uint64_t count, sum;
};

static void add(struct lines *lines, const char *text, size_t length) {
  for (size_t i = 0; i < length; i++) lines->sum = lines->sum * 31 + (unsigned char)text[i];
}

static void on_line(void *arg, const struct p2p_line *line) {
  struct lines *lines = arg;
  char text[P2P_LINE_MAX + 1], again[P2P_LINE_MAX + 1];
  struct p2p_line parsed;
  long length = p2p_line_format(line, text, sizeof text);
  if (length <= 0 || text[length - 1] != '\n') __builtin_trap();
  if (p2p_line_parse(text, (size_t)length - 1, &parsed) != P2P_OK) __builtin_trap();
  if (p2p_line_format(&parsed, again, sizeof again) != length) __builtin_trap();
  if (memcmp(text, again, (size_t)length) != 0 || parsed.used != line->used) __builtin_trap();
  for (size_t i = 0; i < line->used; i++)
    if (p2p_line_get(line, line->pairs[i].key) == NULL) __builtin_trap();
  lines->count++;
  add(lines, text, (size_t)length);
}

static struct lines read_in_pieces(const uint8_t *bytes, size_t length, size_t piece) {
  static struct p2p_line_reader reader;
  struct lines lines = {0};
  p2p_line_reader_init(&reader);
  for (size_t at = 0; at < length; at += piece)
    p2p_line_reader_feed(&reader, (const char *)bytes + at,
                         length - at < piece ? length - at : piece, on_line, &lines);
  if (reader.lines != lines.count) __builtin_trap();
  return lines;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
  if (length < 2) return 0;
  struct lines whole = read_in_pieces(bytes + 1, length - 1, length),
               pieces = read_in_pieces(bytes + 1, length - 1, 1u + bytes[0]);
  if (whole.count != pieces.count || whole.sum != pieces.sum) __builtin_trap();
  return 0;
}
