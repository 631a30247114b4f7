/* Values in texts of lines key=value from another machine. Pure. */
#ifndef P2P_WORKER_STRANGER_H
#define P2P_WORKER_STRANGER_H

#include <stdbool.h>
#include <stddef.h>

/* Writes the value of `key`, sanitized (base/sanitize.h). False when the key is not there. */
bool p2p_stranger_value(const void *text, size_t length, const char *key, char *out, size_t size);

#endif
