/* Member names, `user@host:pid`, and the whole numbers that lines and frames carry as text. Pure.
 */
#ifndef P2P_PROTOCOL_MEMBER_NAME_H
#define P2P_PROTOCOL_MEMBER_NAME_H

#include <stdbool.h>
#include <stdint.h>

#define P2P_MEMBER_NAME_MAX 192 /* bytes, with the NUL */

/* True for `user@host:pid`: user (at most 63 characters) and host of letters, digits, '.', '_' and
 * '-'; pid of at most 10 digits; fewer than P2P_MEMBER_NAME_MAX characters in all. */
bool p2p_member_name_is_valid(const char *text);

/* Parses a decimal number from 1 to `max`, without a sign or leading zeros. False for anything
 * else; *out is then unchanged. */
bool p2p_count_parse(const char *text, uint32_t max, uint32_t *out);

#endif
