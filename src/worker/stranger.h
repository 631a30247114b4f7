/* Words of strangers (labels, greetings, names), made fit for a log. Pure. */
#ifndef P2P_WORKER_STRANGER_H
#define P2P_WORKER_STRANGER_H

#include <stdbool.h>
#include <stddef.h>

/* Copies at most size - 1 bytes; whatever is not printable ASCII becomes '?', so that no terminal
 * is steered. */
void p2p_stranger_text(const void *bytes, size_t length, char *out, size_t size);
/* The value of `key` in text of lines "key=value". False when it is not there. */
bool p2p_stranger_value(const void *text, size_t length, const char *key, char *out, size_t size);

#endif
