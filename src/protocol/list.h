/* Lists "a;b;c" in messages, NUL-terminated. Pure. */
#ifndef P2P_PROTOCOL_LIST_H
#define P2P_PROTOCOL_LIST_H

#include <stdbool.h>
#include <stddef.h>

/* Finds the next item, which is not NUL-terminated, and moves *list behind it. False after the last
 * one, when *list is NULL. "" has one item, which is empty. */
bool p2p_list_next(const char **list, const char **item, size_t *length);

bool p2p_list_contains(const char *list, const char *word);

#endif
