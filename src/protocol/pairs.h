/* Text of lines "key=value", as HELLO frames carry it. The one reader of such text; what it finds
 * is unchecked. Pure. */
#ifndef P2P_PROTOCOL_PAIRS_H
#define P2P_PROTOCOL_PAIRS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Finds the first line of `text` that begins with "key=". *value points into `text`, is not
 * NUL-terminated, and excludes the newline. False when there is none. */
bool p2p_pairs_find(const void *text, size_t length, const char *key, const char **value,
                    size_t *value_length);

/* Copies the value of `key` with a NUL. False when there is none, when it does not fit, or when it
 * contains a NUL; `out` is then unchanged. */
bool p2p_pairs_get(const void *text, size_t length, const char *key, char *out, size_t size);

/* As above, for a value that may be missing: *out is then NULL, else `space`. False for one that
 * does not fit or contains a NUL. */
bool p2p_pairs_get_optional(const void *text, size_t length, const char *key, char *space,
                            size_t size, const char **out);

/* The number of `key`, from 1 to `max`. If it is missing, *out is unchanged. False for anything
 * else. */
bool p2p_pairs_get_count(const void *text, size_t length, const char *key, uint32_t max,
                         uint32_t *out);

#endif
