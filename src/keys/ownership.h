/* What the owner's device does with a cluster that it owns: make its key, expel, invite, approve.
 * Each holds the lock of the cluster's folder from reading to writing. A running host notices that
 * the files change. Blocks; any thread but the io thread.
 *
 * Errors of keys/membership.h and keys/members_file.h. P2P_ERR_ACCESS ("owner_device") when another
 * device owns the cluster. `place` has the owner's account. */
#ifndef P2P_KEYS_OWNERSHIP_H
#define P2P_KEYS_OWNERSHIP_H

#include "keys/device.h"
#include "keys/invitation.h"
#include "keys/membership.h"

/* For a program that hosts the cluster, or that found nobody in a personal one: the membership of
 * this device, which is the owner. Makes the key of a new cluster, or a new epoch where the file of
 * the old key is gone or expelling was interrupted. After an error, *out is wiped. */
int p2p_ownership_open(const struct p2p_key_place *place, const struct p2p_device *device,
                       struct p2p_membership *out, struct p2p_err *err) P2P_MUST_USE;

/* The rest is for a cluster that p2p_ownership_open has opened before, in any process; else
 * P2P_ERR_ACCESS ("not_hosted_here"). */

/* Expels all devices of a user, or one device (p2p_members_expel), and begins a new epoch with a
 * new key, which only the remaining members get. *n: how many entries there were. P2P_ERR_INVALID
 * ("unknown_member") for nobody; then there is no new epoch. */
int p2p_ownership_expel(const struct p2p_key_place *place, const struct p2p_device *device,
                        const char *who, size_t *n, struct p2p_err *err) P2P_MUST_USE;
/* Approves a device of a user by its fingerprint or key. P2P_ERR_INVALID ("device_form",
 * "member_name"); P2P_ERR_ACCESS ("device_of_other") for a device of another member. */
int p2p_ownership_approve(const struct p2p_key_place *place, const struct p2p_device *device,
                          const char *user, const char *who, struct p2p_err *err) P2P_MUST_USE;
/* Invites a user: an invitation for one device. P2P_ERR_INVALID ("member_name"). */
int p2p_ownership_invite(const struct p2p_key_place *place, const struct p2p_device *device,
                         const char *user, struct p2p_invitation *out,
                         struct p2p_err *err) P2P_MUST_USE;
/* The invitation can no longer be used. P2P_OK also for one that there is not. */
int p2p_ownership_withdraw(const struct p2p_key_place *place, const struct p2p_device *device,
                           const struct p2p_sign_public *invitation,
                           struct p2p_err *err) P2P_MUST_USE;
/* The same for all invitations of a user; *n: how many there were. */
int p2p_ownership_withdraw_all(const struct p2p_key_place *place, const struct p2p_device *device,
                               const char *user, size_t *n, struct p2p_err *err) P2P_MUST_USE;

#endif
