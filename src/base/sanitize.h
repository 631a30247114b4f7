/* Text from other machines and programs, made safe to show: in messages, log lines and file names.
 * Pure. */
#ifndef P2P_BASE_SANITIZE_H
#define P2P_BASE_SANITIZE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#define P2P_QUOTE_MAX 257 /* a buffer for somebody else's sentence in one of our messages */

/* Copies `length` bytes to `out`, which has `size` > 0 bytes, and adds a NUL. Printable characters
 * of UTF-8 are kept. Control characters (terminal escapes among them), invisible characters, those
 * that change the direction of writing, and each malformed byte become '?'. What does not fit is
 * dropped; no character is split. `out` and `bytes` may be the same memory. */
void p2p_sanitize(const void *bytes, size_t length, char *out, size_t size);
/* Copies `text`; bytes other than ASCII letters, digits, '-', '_' and '.' become '_'. */
void p2p_sanitize_word(const char *text, char *out, size_t size);

/* Whether all bytes are printable ASCII other than the space. True for no bytes. */
bool p2p_is_visible_ascii(const void *bytes, size_t length);

/* As vsnprintf, but a text that does not fit is cut between two characters of UTF-8. */
void p2p_vformat(char *out, size_t size, const char *format, va_list args);

#endif
