/* The identity of a member: a random id, which tells it from all others, and the name that people
 * see, which members in containers may share. Both are unproven: anybody on the topic can write
 * them. Pure. Grammar: docs/protocol.md. */
#ifndef P2P_PROTOCOL_IDENTITY_H
#define P2P_PROTOCOL_IDENTITY_H

#include <stdbool.h>

#include "protocol/member_name.h"

#define P2P_IDENTITY_ID_BYTES 16
#define P2P_IDENTITY_ID_MAX 33                           /* 32 hex digits and a NUL */
#define P2P_IDENTITY_LABEL_MAX (P2P_MEMBER_NAME_MAX + 5) /* bytes, with the NUL */

struct p2p_identity {
  char id[P2P_IDENTITY_ID_MAX];
  char name[P2P_MEMBER_NAME_MAX]; /* "carol@desk:4711" */
};

/* True for 32 lower-case hex digits. */
bool p2p_member_id_is_valid(const char *text);

/* Fills *out. False when one of the two is NULL or malformed; *out is then unchanged. */
bool p2p_identity_set(struct p2p_identity *out, const char *id, const char *name);

/* Writes what people see: the name and, if another member has the same name, the start of the id:
 * "carol@desk:4711#1f3a". */
void p2p_identity_label(const struct p2p_identity *identity, bool is_ambiguous,
                        char out[P2P_IDENTITY_LABEL_MAX]);

#endif
