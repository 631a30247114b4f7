/* The lines of the board. Bytes that are not a line are dropped and counted. */
#include "protocol/line.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/encode.h"

static bool is_plain(char c) {
  unsigned char byte = (unsigned char)c;
  return byte >= 0x20 && byte != 0x7f && c != ',' && c != '=';
}

static bool is_plain_text(const char *text) {
  for (; *text != '\0'; text++) {
    if (!is_plain(*text)) return false;
  }
  return true;
}

void p2p_line_init(struct p2p_line *line) {
  line->length = 0;
  line->used = 0;
  line->memory[0] = '\0';
}

/* Key and value have been checked. Each separator of the formatted line is one NUL in `memory`, of
 * which length + 1 bytes are in use. */
static int append(struct p2p_line *line, const char *key, size_t key_length, const char *value,
                  size_t value_length) {
  size_t start = line->used == 0 ? 0 : line->length + 1;
  if (line->used == P2P_LINE_PAIRS_MAX || key_length > P2P_LINE_KEY_MAX) return P2P_ERR_TOO_LARGE;
  /* One byte is left for the newline. The first condition keeps the sum from overflowing. */
  if (value_length > P2P_LINE_MAX || start + key_length + 1 + value_length + 1 > P2P_LINE_MAX) {
    return P2P_ERR_TOO_LARGE;
  }

  char *at = line->memory + start;
  struct p2p_line_pair *pair = &line->pairs[line->used];
  pair->key = at;
  memcpy(at, key, key_length);
  at[key_length] = '\0';
  pair->value = at + key_length + 1;
  memcpy(at + key_length + 1, value, value_length);
  at[key_length + 1 + value_length] = '\0';
  line->used++;
  line->length = start + key_length + 1 + value_length;
  return P2P_OK;
}

int p2p_line_put(struct p2p_line *line, const char *key, const char *value) {
  if (key == NULL || value == NULL || key[0] == '\0') return P2P_ERR_INVALID;
  if (!is_plain_text(key) || !is_plain_text(value)) return P2P_ERR_INVALID;
  return append(line, key, strlen(key), value, strlen(value));
}

int p2p_line_putf(struct p2p_line *line, const char *key, const char *format, ...) {
  char value[P2P_LINE_MAX];
  va_list args;
  va_start(args, format);
  int length = vsnprintf(value, sizeof value, format, args);
  va_end(args);
  if (length < 0) return P2P_ERR_INVALID;
  if ((size_t)length >= sizeof value) return P2P_ERR_TOO_LARGE;
  return p2p_line_put(line, key, value);
}

int p2p_line_put_expires(struct p2p_line *line, time_t now, unsigned valid_s) {
  return p2p_line_putf(line, "expires", "%lld", (long long)now + valid_s);
}

int p2p_line_put_when(struct p2p_line *line, time_t now) {
  char when[32];
  struct tm parts;
  if (localtime_r(&now, &parts) == NULL ||
      strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%S", &parts) == 0)
    return P2P_ERR_SYSTEM;
  return p2p_line_put(line, "when", when);
}

int p2p_line_begin(struct p2p_line *line, const char *type, const struct p2p_identity *from,
                   time_t now, unsigned valid_s) {
  p2p_line_init(line);
  if (!p2p_member_id_is_valid(from->id) || !p2p_member_name_is_valid(from->name))
    return P2P_ERR_INVALID;
  int code = p2p_line_put_when(line, now);
  if (code == P2P_OK && valid_s > 0) code = p2p_line_put_expires(line, now, valid_s);
  if (code == P2P_OK) code = p2p_line_put(line, "type", type);
  if (code == P2P_OK) code = p2p_line_put(line, "from", from->name);
  if (code == P2P_OK) code = p2p_line_put(line, "member", from->id);
  if (code != P2P_OK) p2p_line_init(line);
  return code;
}

const char *p2p_line_get(const struct p2p_line *line, const char *key) {
  for (size_t i = 0; i < line->used; i++) {
    if (strcmp(line->pairs[i].key, key) == 0) return line->pairs[i].value;
  }
  return NULL;
}

bool p2p_line_is(const struct p2p_line *line, const char *type) {
  const char *value = p2p_line_get(line, "type");
  return value != NULL && strcmp(value, type) == 0;
}

int p2p_line_put_bytes(struct p2p_line *line, const char *key, const uint8_t *bytes,
                       size_t length) {
  char text[P2P_BASE64_LEN(P2P_LINE_BYTES_MAX) + 1];
  if (length > P2P_LINE_BYTES_MAX) return P2P_ERR_TOO_LARGE;
  p2p_base64url_encode(bytes, length, text);
  return p2p_line_put(line, key, text);
}

bool p2p_line_get_bytes(const struct p2p_line *line, const char *key, uint8_t *out, size_t length) {
  const char *text = p2p_line_get(line, key);
  return text != NULL && p2p_base64url_decode_exactly(text, strlen(text), out, length);
}

bool p2p_line_sender(const struct p2p_line *line, struct p2p_identity *out) {
  return p2p_identity_set(out, p2p_line_get(line, "member"), p2p_line_get(line, "from"));
}

long p2p_line_format(const struct p2p_line *line, char *out, size_t size) {
  size_t at = 0;
  if (line->length + 2 > size) return P2P_ERR_TOO_LARGE;
  for (size_t i = 0; i < line->used; i++) {
    int length = snprintf(out + at, size - at, "%s%s=%s", i == 0 ? "" : ",", line->pairs[i].key,
                          line->pairs[i].value);
    if (length < 0 || (size_t)length >= size - at) return P2P_ERR_TOO_LARGE;
    at += (size_t)length;
  }
  if (at + 2 > size) return P2P_ERR_TOO_LARGE;
  out[at++] = '\n';
  out[at] = '\0';
  return (long)at;
}

static int parse_pair(struct p2p_line *line, const char *text, size_t length) {
  const char *equals = memchr(text, '=', length);
  if (equals == NULL || equals == text) return P2P_ERR_PARSE;
  for (size_t i = 0; i < length; i++) {
    if (text + i != equals && !is_plain(text[i])) return P2P_ERR_PARSE;
  }
  size_t key_length = (size_t)(equals - text);
  return append(line, text, key_length, equals + 1, length - key_length - 1);
}

/* A line that was cut within a key continues with the next line ("slowhen=..."), whose pairs do not
 * belong to it. */
static bool is_run_on(const struct p2p_line_pair *pair) {
  size_t length = strlen(pair->key);
  return length >= 4 && strcmp(pair->key + length - 4, "when") == 0;
}

static int parse_pairs(struct p2p_line *line, const char *text, size_t length) {
  size_t at = 0;
  while (at <= length) {
    const char *comma = memchr(text + at, ',', length - at);
    size_t end = comma == NULL ? length : (size_t)(comma - text);
    int code = parse_pair(line, text + at, end - at);
    if (code == P2P_OK && at > 0 && is_run_on(&line->pairs[line->used - 1])) code = P2P_ERR_PARSE;
    if (code != P2P_OK) return code;
    at = end + 1;
  }
  return P2P_OK;
}

int p2p_line_parse(const char *text, size_t length, struct p2p_line *out) {
  p2p_line_init(out);
  if (length > 0 && text[length - 1] == '\r') length--;
  if (length >= P2P_LINE_MAX) return P2P_ERR_TOO_LARGE;
  if (length < 5 || memcmp(text, "when=", 5) != 0) return P2P_ERR_PARSE;
  int code = parse_pairs(out, text, length);
  if (code != P2P_OK) p2p_line_init(out);
  return code;
}

void p2p_line_reader_init(struct p2p_line_reader *reader) {
  reader->used = 0;
  reader->skipping = 0;
  reader->lines = 0;
  reader->dropped = 0;
}

static void keep(struct p2p_line_reader *reader, const char *bytes, size_t length) {
  if (reader->skipping) return;
  if (length > sizeof reader->pending - reader->used) {
    reader->skipping = 1;
    return;
  }
  memcpy(reader->pending + reader->used, bytes, length);
  reader->used += length;
}

static void end_line(struct p2p_line_reader *reader,
                     void (*fn)(void *arg, const struct p2p_line *line), void *arg) {
  struct p2p_line line;
  bool whole = !reader->skipping && p2p_line_parse(reader->pending, reader->used, &line) == P2P_OK;
  reader->used = 0;
  reader->skipping = 0;
  if (whole) {
    reader->lines++;
    fn(arg, &line);
  } else {
    reader->dropped++;
  }
}

void p2p_line_reader_feed(struct p2p_line_reader *reader, const char *bytes, size_t length,
                          void (*fn)(void *arg, const struct p2p_line *line), void *arg) {
  while (length > 0) {
    const char *newline = memchr(bytes, '\n', length);
    size_t part = newline == NULL ? length : (size_t)(newline - bytes);
    keep(reader, bytes, part);
    if (newline == NULL) return;
    end_line(reader, fn, arg);
    bytes += part + 1;
    length -= part + 1;
  }
}
