/* An invitation: what the owner of a cluster gives to a user, so that one device of the user can
 * enrol. A secret: whoever has it first is the user. As text it is one word, which survives being
 * copied, mailed and wrapped in quotes:
 *
 *   p2p-invitation-1.CLUSTER.BOARD.OWNER.SEED
 *
 * with the name of the cluster, the address of the board, the owner's key and the seed of the
 * invitation's key, each in base64url. Pure. */
#ifndef P2P_KEYS_INVITATION_H
#define P2P_KEYS_INVITATION_H

#include "base/err.h"
#include "base/hostport.h"
#include "crypto/sign.h"
#include "keys/place.h"

#define P2P_INVITATION_TEXT_MAX 2048 /* bytes, with the NUL */

struct p2p_invitation { /* secret: wipe it */
  char cluster[P2P_CLUSTER_TEXT_MAX];
  char board[P2P_HOSTPORT_TEXT_MAX];
  struct p2p_sign_public owner;
  struct p2p_sign_secret secret_key;
};

/* P2P_ERR_INVALID for a malformed cluster or board. */
int p2p_invitation_write(const struct p2p_invitation *invitation,
                         char out[P2P_INVITATION_TEXT_MAX]) P2P_MUST_USE;
/* P2P_ERR_PARSE ("invitation"), P2P_ERR_VERSION ("keys_newer"). After an error, *out is wiped. */
int p2p_invitation_read(const char *text, struct p2p_invitation *out,
                        struct p2p_err *err) P2P_MUST_USE;

#endif
