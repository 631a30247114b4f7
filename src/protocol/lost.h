/* The payload of LOST: text that says why a task has no result or, in a LOST of task 0, why the
 * worker ends the link. Pure. */
#ifndef P2P_PROTOCOL_LOST_H
#define P2P_PROTOCOL_LOST_H

#include <stddef.h>

#define P2P_LOST_MAX 768 /* bytes that are sent at most, and a NUL */

/* The length of what is sent of `why`: at most P2P_LOST_MAX - 1 bytes, no UTF-8 character cut. */
size_t p2p_lost_length(const char *why);

/* Copies the text, made safe to show; what does not fit into `size` > 0 bytes is dropped. */
void p2p_lost_read(const void *payload, size_t length, char *out, size_t size);

#endif
