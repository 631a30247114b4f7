/* Nameplates: the number at the start of a wormhole code, by which two sides find the same mailbox.
 * Pure. */
#ifndef P2P_PROTOCOL_NAMEPLATE_H
#define P2P_PROTOCOL_NAMEPLATE_H

#include <stdbool.h>
#include <stddef.h>

#define P2P_NAMEPLATE_MAX 17 /* bytes, with the NUL: at most 16 digits */

/* True for 1 to 16 digits. */
bool p2p_nameplate_is_valid(const char *text, size_t length);

/* The length of the nameplate that `code` starts with, as in "7-guitar-wizard"; 0 if `code` does
 * not start with a nameplate and a dash. */
size_t p2p_nameplate_length(const char *code);

#endif
