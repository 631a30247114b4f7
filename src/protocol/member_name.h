/* Names of members, users and clusters, and the whole numbers that messages carry as text. Pure. */
#ifndef P2P_PROTOCOL_MEMBER_NAME_H
#define P2P_PROTOCOL_MEMBER_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define P2P_MEMBER_NAME_MAX 192 /* bytes, with the NUL */
#define P2P_USER_NAME_MAX 64    /* bytes, with the NUL */
#define P2P_CLUSTER_NAME_MAX 96 /* bytes, with the NUL */

/* A user of the board: letters, digits, '.', '_' and '-', the first one not '.' or '-'; at most
 * P2P_USER_NAME_MAX - 1. `text` need not be NUL-terminated. */
bool p2p_user_name_is_valid(const char *text, size_t length);

/* The name of a cluster, without its owner: the same characters, at most P2P_CLUSTER_NAME_MAX - 1.
 */
bool p2p_cluster_name_is_valid(const char *text, size_t length);

/* The name of a member, `user@host:pid`: host of letters, digits, '.', '_' and '-'; pid of at most
 * 10 digits; fewer than P2P_MEMBER_NAME_MAX characters in all. */
bool p2p_member_name_is_valid(const char *text);

/* The user in "alice@laptop:1234", and the owner in "alice/friends"; both names are valid. */
void p2p_member_name_user(const char *name, char out[P2P_USER_NAME_MAX]);
void p2p_cluster_owner(const char *cluster, char out[P2P_USER_NAME_MAX]);
/* Whether a cluster is its owner's personal one: "alice/personal". */
bool p2p_cluster_is_personal(const char *cluster);

/* Parses a decimal number from 1 to `max`, without a sign or leading zeros. False for anything
 * else; *out is then unchanged. */
bool p2p_count_parse(const char *text, uint32_t max, uint32_t *out);
/* The same for a number that may be missing (NULL): *out is then unchanged. */
bool p2p_count_parse_optional(const char *text, uint32_t max, uint32_t *out);

#endif
