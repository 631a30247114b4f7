/* The key of a cluster: 32 random bytes S for each epoch, from which all keys of lines, links and
 * mailboxes are derived. Pure. Grammar and test vectors: docs/protocol.md, "Cluster keys". */
#ifndef P2P_PROTOCOL_CLUSTER_KEY_H
#define P2P_PROTOCOL_CLUSTER_KEY_H

#include <stdint.h>

#include "base/err.h"
#include "crypto/seal.h"
#include "crypto/sign.h"

#define P2P_EPOCH_MAX 999999999
#define P2P_CLUSTER_SECRET_LEN 32
#define P2P_CLUSTER_KEY_LEN 32
#define P2P_CLUSTER_KEY_ID_MAX 17 /* 16 hex digits and a NUL */
#define P2P_LINK_MAILBOX_MAX 33   /* 32 hex digits and a NUL */
#define P2P_KEYED_CODE_MAX 33     /* 32 hex digits and a NUL */
#define P2P_LINK_PASSWORD_MAX 98  /* a code, a dash, 64 hex digits and a NUL */

struct p2p_cluster_key { /* secret but for epoch and id: wipe it */
  uint32_t epoch;        /* 1 to P2P_EPOCH_MAX */
  uint8_t secret[P2P_CLUSTER_SECRET_LEN];
  char id[P2P_CLUSTER_KEY_ID_MAX]; /* public: which key sealed a line */
  uint8_t line[P2P_CLUSTER_KEY_LEN], link[P2P_CLUSTER_KEY_LEN], mailbox[P2P_CLUSTER_KEY_LEN];
};

/* `cluster`: "alice/friends". */
void p2p_cluster_key_derive(const char *cluster, uint32_t epoch,
                            const uint8_t secret[P2P_CLUSTER_SECRET_LEN],
                            struct p2p_cluster_key *out);

/* In a personal cluster, whoever has the key speaks for the owner: this is the secret half of the
 * owner's key there. The caller wipes *out. */
void p2p_cluster_key_owner(const struct p2p_cluster_key *key, const char *cluster,
                           struct p2p_sign_secret *out);

/* The code of a link in a cluster with a key: 128 random bits in hex. It goes to the worker in an
 * accept. */
void p2p_keyed_code_make(char out[P2P_KEYED_CODE_MAX]);

/* The mailbox in which the two ends of the link with this code meet. */
void p2p_cluster_key_mailbox(const struct p2p_cluster_key *key, const char *code,
                             char out[P2P_LINK_MAILBOX_MAX]);

struct p2p_link_parties {
  const char *cluster;
  const char *client, *worker;              /* ids of the members */
  const struct p2p_seal_public *worker_key; /* of the worker's hello */
  const char *code;
};

/* The password of the link's SPAKE2. It binds the link to the cluster, its epoch and both members:
 * without S, the code alone does not open it. */
void p2p_cluster_key_password(const struct p2p_cluster_key *key,
                              const struct p2p_link_parties *parties,
                              char out[P2P_LINK_PASSWORD_MAX]);

#endif
