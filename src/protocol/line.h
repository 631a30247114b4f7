/* The lines of the board: key=value pairs joined by ','. The codec is strict and everything has a
 * cap; the reader skips and counts what is not a line. Pure. Grammar: docs/protocol.md, "Lines". */
#ifndef P2P_PROTOCOL_LINE_H
#define P2P_PROTOCOL_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "base/err.h"
#include "protocol/identity.h"

#define P2P_LINE_MAX 8192 /* bytes, newline included */
#define P2P_LINE_BYTES_MAX 64
#define P2P_LINE_PAIRS_MAX 32
#define P2P_LINE_KEY_MAX 32

struct p2p_line_pair {
  const char *key, *value; /* NUL-terminated, in the memory of the line */
};

struct p2p_line {
  size_t length; /* formatted, without the newline */
  struct p2p_line_pair pairs[P2P_LINE_PAIRS_MAX];
  size_t used;
  char memory[P2P_LINE_MAX]; /* the pairs point into it, so a line must not be assigned */
};

/* Empties the line. */
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
/* Replaces *line by when, expires (valid_s 0: none), type, from and member. P2P_ERR_INVALID for a
 * malformed identity; *line is then empty. */
int p2p_line_begin(struct p2p_line *line, const char *type, const struct p2p_identity *from,
                   time_t now, unsigned valid_s) P2P_MUST_USE;
/* Reads from and member. False when one of them is missing or malformed; *out is then unchanged. */
bool p2p_line_sender(const struct p2p_line *line, struct p2p_identity *out);
/* Returns the value of the first pair with this key, or NULL. */
const char *p2p_line_get(const struct p2p_line *line, const char *key);
/* Whether the line has this `type`. */
bool p2p_line_is(const struct p2p_line *line, const char *type);
/* A key, a hash or a signature, of at most P2P_LINE_BYTES_MAX bytes, as base64url. Errors of
 * p2p_line_put; false unless the value has exactly `length` bytes. */
int p2p_line_put_bytes(struct p2p_line *line, const char *key, const uint8_t *bytes,
                       size_t length) P2P_MUST_USE;
bool p2p_line_get_bytes(const struct p2p_line *line, const char *key, uint8_t *out,
                        size_t length) P2P_MUST_USE;
/* Writes the text of the line with its newline and a NUL. Returns its length without the NUL, or
 * P2P_ERR_TOO_LARGE. */
long p2p_line_format(const struct p2p_line *line, char *out, size_t size) P2P_MUST_USE;
/* Parses one line without its newline; a CR at the end is dropped. P2P_ERR_PARSE for a line that
 * does not begin with "when=", contains a later key that ends in "when" (two lines that ran
 * together), or has a pair without exactly one '=' or with control characters; P2P_ERR_TOO_LARGE.
 * *out is empty after an error. */
int p2p_line_parse(const char *text, size_t length, struct p2p_line *out) P2P_MUST_USE;

/* Cuts a stream of bytes into lines. A line that is too long or malformed is dropped and counted,
 * and reading continues with the next one. */
struct p2p_line_reader {
  char pending[P2P_LINE_MAX];
  size_t used;
  int skipping; /* the current line is too long */
  uint64_t lines, dropped;
};
void p2p_line_reader_init(struct p2p_line_reader *reader);
/* Calls `fn` for each line that is complete. The line is valid until `fn` returns. */
void p2p_line_reader_feed(struct p2p_line_reader *reader, const char *bytes, size_t length,
                          void (*fn)(void *arg, const struct p2p_line *line), void *arg);

#endif
