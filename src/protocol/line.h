/* The lines of the message board (protocol/board.md): key=value pairs joined by ','. A strict codec
 * with caps on everything; what is not a line is skipped and counted by the reader. */
#ifndef P2P_PROTOCOL_LINE_H
#define P2P_PROTOCOL_LINE_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "base/err.h"

#define P2P_LINE_MAX 8192 /* bytes, newline included */
#define P2P_LINE_PAIRS_MAX 32
#define P2P_LINE_KEY_MAX 32

struct p2p_line_pair {
  const char *key, *value; /* NUL-terminated, in the line's own memory */
};

struct p2p_line {
  size_t length; /* formatted, without the newline */
  struct p2p_line_pair pairs[P2P_LINE_PAIRS_MAX];
  size_t used;
  char memory[P2P_LINE_MAX]; /* the pairs point into it: do not copy a line by assignment */
};

/* An empty line to put pairs into. */
void p2p_line_init(struct p2p_line *line);
/* Appends a pair. P2P_ERR_INVALID for a key or value with ',', '=' or control characters, or an
 * empty key; P2P_ERR_TOO_LARGE. A failed call changes nothing. */
int p2p_line_put(struct p2p_line *line, const char *key, const char *value) P2P_MUST_USE;
int p2p_line_putf(struct p2p_line *line, const char *key, const char *format, ...)
    P2P_PRINTF(3, 4) P2P_MUST_USE;
/* The pairs that messages begin with: when (local time) and expires (now + valid_s, in seconds
 * since the epoch). */
int p2p_line_put_when(struct p2p_line *line, time_t now) P2P_MUST_USE;
int p2p_line_put_expires(struct p2p_line *line, time_t now, unsigned valid_s) P2P_MUST_USE;
/* Replaces *line by when, expires (valid_s 0: none), type and from. */
int p2p_line_begin(struct p2p_line *line, const char *type, const char *from, time_t now,
                   unsigned valid_s) P2P_MUST_USE;
/* The value of a key, or NULL. The first one counts. */
const char *p2p_line_get(const struct p2p_line *line, const char *key);
/* Text with its newline into out; returns its length or P2P_ERR_TOO_LARGE. */
long p2p_line_format(const struct p2p_line *line, char *out, size_t size) P2P_MUST_USE;
/* One line, without its newline (a trailing CR is dropped). P2P_ERR_PARSE for what does not begin
 * with "when=", has it again (two lines that ran together) or is malformed (control characters, no
 * '=', two '='), P2P_ERR_TOO_LARGE. */
int p2p_line_parse(const char *text, size_t length, struct p2p_line *out) P2P_MUST_USE;

/* Cuts a byte stream into lines and resynchronizes: a line that is too long or does not parse is
 * dropped and counted. */
struct p2p_line_reader {
  char pending[P2P_LINE_MAX];
  size_t used;
  int skipping; /* within a line that is too long */
  uint64_t lines, dropped;
};
void p2p_line_reader_init(struct p2p_line_reader *reader);
void p2p_line_reader_feed(struct p2p_line_reader *reader, const char *bytes, size_t length,
                          void (*fn)(void *arg, const struct p2p_line *line), void *arg);

#endif
