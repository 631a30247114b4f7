/* The members of a cluster as text, for their file. Pure.
 *
 *   future.p2p members 1
 *   epoch=2
 *   device=KEY SINCE SEEN EXPELLED_BY USER
 *   approved=HASH USER
 *   invitation=KEY CREATED USER
 *
 * Keys and hashes are 32 bytes in base64url. EXPELLED_BY is 0 for a member. The lines of each kind
 * stand together, in this order. */
#ifndef P2P_KEYS_MEMBERS_TEXT_H
#define P2P_KEYS_MEMBERS_TEXT_H

#include "base/buf.h"
#include "keys/members.h"

#define P2P_MEMBERS_TEXT_MAX (1024 * 1024) /* bytes; more than the longest */
#define P2P_MEMBERS_KIND "members"

/* *out is empty after an error: P2P_ERR_PARSE, P2P_ERR_VERSION, P2P_ERR_TOO_LARGE, P2P_ERR_MEMORY.
 * `out` was initialized. */
int p2p_members_parse(const struct p2p_buf *contents, struct p2p_members *out) P2P_MUST_USE;
/* Appends the text. P2P_ERR_TOO_LARGE, P2P_ERR_MEMORY. */
int p2p_members_format(const struct p2p_members *members, struct p2p_buf *out) P2P_MUST_USE;

#endif
