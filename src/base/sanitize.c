/* Text that is safe to show. */
#include "base/sanitize.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* Decodes the character at the start of `text`. Returns its length in bytes, or 0 if the bytes are
 * not well-formed UTF-8 (RFC 3629: no overlong forms, no surrogates). */
static size_t decode(const uint8_t *text, size_t length, uint32_t *character) {
  static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
  size_t n = text[0] < 0x80         ? 1
             : text[0] >> 5 == 0x06 ? 2
             : text[0] >> 4 == 0x0e ? 3
             : text[0] >> 3 == 0x1e ? 4
                                    : 0;
  if (n == 0 || n > length) return 0;
  uint32_t value = n == 1 ? text[0] : text[0] & (0x7fu >> n);
  for (size_t i = 1; i < n; i++) {
    if (text[i] >> 6 != 2) return 0;
    value = value << 6 | (text[i] & 0x3f);
  }
  if (value < smallest[n] || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff)) return 0;
  *character = value;
  return n;
}

/* Excludes C0 and C1 controls, separators of lines and paragraphs, invisible characters, and marks,
 * embeddings and isolates that turn the direction of writing (which make "exe.txt" of "txt.exe").
 */
static bool is_printable(uint32_t character) {
  static const uint32_t unprintable[][2] = {{0x0, 0x1f},      {0x7f, 0x9f},      {0xad, 0xad},
                                            {0x61c, 0x61c},   {0x180e, 0x180e},  {0x200b, 0x200f},
                                            {0x2028, 0x202e}, {0x2060, 0x206f},  {0xfeff, 0xfeff},
                                            {0xfff0, 0xfffb}, {0xe0000, 0xe0fff}};
  for (size_t i = 0; i < sizeof unprintable / sizeof unprintable[0]; i++)
    if (character >= unprintable[i][0] && character <= unprintable[i][1]) return false;
  return true;
}

void p2p_sanitize(const void *bytes, size_t length, char *out, size_t size) {
  const uint8_t *from = bytes, *end = from + length;
  size_t used = 0;
  while (from < end) {
    uint32_t character = 0;
    size_t n = decode(from, (size_t)(end - from), &character);
    bool keep = n > 0 && is_printable(character);
    size_t needed = keep ? n : 1;
    if (needed >= size - used) break;
    if (keep)
      memmove(out + used, from, n);
    else
      out[used] = '?';
    used += needed;
    from += n > 0 ? n : 1;
  }
  out[used] = '\0';
}

static bool is_word_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_' || c == '.';
}

void p2p_sanitize_word(const char *text, char *out, size_t size) {
  size_t n = 0;
  for (; text[n] != '\0' && n + 1 < size; n++) out[n] = is_word_character(text[n]) ? text[n] : '_';
  out[n] = '\0';
}

bool p2p_is_visible_ascii(const void *bytes, size_t length) {
  const uint8_t *at = bytes;
  for (size_t i = 0; i < length; i++)
    if (at[i] <= ' ' || at[i] >= 0x7f) return false;
  return true;
}

static bool is_continuation(char byte) { return ((unsigned char)byte & 0xC0) == 0x80; }

void p2p_vformat(char *out, size_t size, const char *format, va_list args) {
  if (size == 0) return;
  int wanted = vsnprintf(out, size, format, args);
  if (wanted < 0) {
    out[0] = '\0';
    return;
  }
  if ((size_t)wanted < size) return;
  /* The last character may be incomplete: drop it, from its lead byte on. */
  size_t end = size - 1;
  if (end == 0 || (out[end - 1] & 0x80) == 0) return;
  do end--;
  while (end > 0 && is_continuation(out[end]));
  out[end] = '\0';
}
