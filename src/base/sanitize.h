/* Sentences in fields of a fixed size, as errors and events keep them. */
#ifndef P2P_BASE_SANITIZE_H
#define P2P_BASE_SANITIZE_H

#include <stdarg.h>
#include <stddef.h>

/* As vsnprintf, but what does not fit is cut between two characters of UTF-8, not within one. */
void p2p_text_format(char *out, size_t size, const char *format, va_list args);

#endif
