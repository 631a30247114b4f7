/* Sentences in fields of a fixed size. */
#include "base/sanitize.h"

#include <stdbool.h>
#include <stdio.h>

static bool is_continuation(char byte) { return ((unsigned char)byte & 0xC0) == 0x80; }

void p2p_text_format(char *out, size_t size, const char *format, va_list args) {
  if (size == 0) return;
  int wanted = vsnprintf(out, size, format, args);
  if (wanted < 0) {
    out[0] = '\0';
    return;
  }
  if ((size_t)wanted < size) return;
  /* The last character may have lost its end: drop it, from its lead byte on. */
  size_t end = size - 1;
  if (end == 0 || (out[end - 1] & 0x80) == 0) return;
  do end--;
  while (end > 0 && is_continuation(out[end]));
  out[end] = '\0';
}
