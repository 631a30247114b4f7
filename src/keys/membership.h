/* What this device knows of one cluster on one board: who its owner is and, once it is enrolled,
 * the cluster's key and its certificate. File: `membership`. */
#ifndef P2P_KEYS_MEMBERSHIP_H
#define P2P_KEYS_MEMBERSHIP_H

#include <stdbool.h>

#include "base/buf.h"
#include "keys/device.h"
#include "keys/place.h"
#include "protocol/credentials.h"
#include "protocol/enrolment.h"

#define P2P_MEMBERSHIP_FILE "membership"

struct p2p_membership {   /* secret: wipe it */
  struct p2p_grant grant; /* not enrolled: only the owner, who is pinned */
  bool is_enrolled;
  bool is_invited;
  struct p2p_sign_secret invitation; /* if invited */
};

/* The functions with a place block: any thread but the io thread. They return errors of
 * keys/folder.h and keys/private_file.h, P2P_ERR_PARSE ("keys_damaged") and P2P_ERR_VERSION
 * ("keys_newer"). After an error, what they fill is wiped. */

/* Without the file, *exists is false. */
int p2p_membership_read(const struct p2p_key_place *place, struct p2p_membership *out, bool *exists,
                        struct p2p_err *err) P2P_MUST_USE;

/* Writes what this process has learned, and sets *membership to what holds now:
 *   - Another owner is refused: P2P_ERR_ACCESS, "owner_changed".
 *   - An invitation is added to a membership that is enrolled already. A grant ends it.
 *   - Of two grants the one with the later epoch holds; of two with the same epoch and another
 *     secret, the first. */
int p2p_membership_keep(const struct p2p_key_place *place, struct p2p_membership *membership,
                        struct p2p_err *err) P2P_MUST_USE;

/* P2P_OK also if there is none. */
int p2p_membership_remove(const struct p2p_key_place *place, struct p2p_err *err) P2P_MUST_USE;

/* The same in the folder of the cluster, for a caller that has its lock. */
int p2p_membership_load(const struct p2p_key_folder *folder, const char *cluster,
                        struct p2p_membership *out, bool *exists, struct p2p_err *err) P2P_MUST_USE;
int p2p_membership_store(const struct p2p_key_folder *folder, const char *cluster,
                         const struct p2p_membership *membership, struct p2p_err *err) P2P_MUST_USE;

/* What this device shows as a member. `membership` is enrolled. The caller wipes *out. Pure. */
void p2p_membership_credentials(const struct p2p_membership *membership, const char *cluster,
                                const struct p2p_device *device, struct p2p_credentials *out);

/* The content of the file. P2P_ERR_PARSE, also for another cluster; P2P_ERR_VERSION. Pure. */
int p2p_membership_parse(const struct p2p_buf *contents, const char *cluster,
                         struct p2p_membership *out) P2P_MUST_USE;
/* Appends it. P2P_ERR_TOO_LARGE, P2P_ERR_MEMORY. Pure. */
int p2p_membership_format(const struct p2p_membership *membership, const char *cluster,
                          struct p2p_buf *out) P2P_MUST_USE;

#endif
