/* The files of a personal cluster. All its devices are of one user, and whoever has the key speaks
 * for the owner (p2p_cluster_key_owner), so that any of them can give it to the next. The file
 * `members` has the devices that were given the key from here. Blocks; any thread but the io
 * thread. Errors of keys/membership.h and keys/members_file.h. */
#ifndef P2P_KEYS_PERSONAL_H
#define P2P_KEYS_PERSONAL_H

#include "keys/device.h"
#include "keys/membership.h"

/* Reads the membership. `is_alone`: this device made the key, and no other one has it. */
int p2p_personal_read(const struct p2p_key_place *place, const struct p2p_device *device,
                      struct p2p_membership *out, bool *exists, bool *is_alone,
                      struct p2p_err *err) P2P_MUST_USE;
/* Makes the key, unless another process of this device has just done so. */
int p2p_personal_make(const struct p2p_key_place *place, const struct p2p_device *device,
                      struct p2p_membership *out, bool *is_alone, struct p2p_err *err) P2P_MUST_USE;
/* Keeps the key that another device has given, in place of one that no other device has. If the
 * file has a key that others have, too, *membership becomes that. */
int p2p_personal_keep(const struct p2p_key_place *place, const struct p2p_device *device,
                      struct p2p_membership *membership, struct p2p_err *err) P2P_MUST_USE;

#endif
