/* What the owner of a cluster knows of its members: their devices, which devices the owner
 * approved, and to whom an invitation was given. In memory; keys/members_file.h has the file. Pure.
 */
#ifndef P2P_KEYS_MEMBERS_H
#define P2P_KEYS_MEMBERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "crypto/hash.h"
#include "crypto/sign.h"
#include "protocol/member_name.h"

#define P2P_MEMBER_DEVICES_MAX 4096
#define P2P_MEMBER_APPROVALS_MAX 1024
#define P2P_MEMBER_INVITATIONS_MAX 1024
#define P2P_MEMBERS_TIME_MAX UINT64_C(999999999999)
#define P2P_SEEN_STEP_S 60 /* smaller steps of seen_s are not worth a write */

struct p2p_member_device {
  char user[P2P_USER_NAME_MAX];
  struct p2p_sign_public device;
  uint64_t since_s, seen_s; /* Unix time, at most P2P_MEMBERS_TIME_MAX */
  uint32_t expelled_by;     /* the epoch that began with it; 0: a member */
};
struct p2p_member_approval {
  char user[P2P_USER_NAME_MAX]; /* for nobody else */
  uint8_t hash[P2P_SHA256_LEN]; /* of the device key: its fingerprint */
};
struct p2p_member_invitation {
  char user[P2P_USER_NAME_MAX];
  struct p2p_sign_public key; /* the secret half was sent to the user */
  uint64_t created_s;
};

/* Read the fields; change them by the functions below only. */
struct p2p_members {
  uint32_t epoch; /* of the latest key of the cluster; 0: no key yet */
  struct p2p_member_device *devices;
  struct p2p_member_approval *approvals;
  struct p2p_member_invitation *invitations;
  size_t n_devices, n_approvals, n_invitations;
  bool is_changed; /* since it was read */
};

void p2p_members_init(struct p2p_members *members); /* allocates nothing */
void p2p_members_clear(struct p2p_members *members);

/* The entry of this device for this user, or NULL. A device may be one of several users. */
const struct p2p_member_device *p2p_members_find(const struct p2p_members *members,
                                                 const char *user,
                                                 const struct p2p_sign_public *device);

/* How a device stands that asks for the key, without an invitation, as this user. */
enum p2p_standing {
  P2P_STANDING_MEMBER,   /* it is a member */
  P2P_STANDING_APPROVED, /* the owner approved it for this user, also after it was expelled */
  P2P_STANDING_EXPELLED, /* the device was expelled, or all devices of the user */
  P2P_STANDING_FIRST,    /* no device of the user is known */
  P2P_STANDING_FURTHER   /* the user has another device */
};
enum p2p_standing p2p_members_standing(const struct p2p_members *members, const char *user,
                                       const struct p2p_sign_public *device);
/* The invitation of this user with this key, or NULL. */
const struct p2p_member_invitation *p2p_members_invitation(const struct p2p_members *members,
                                                           const char *user,
                                                           const struct p2p_sign_public *key);

/* The rest returns P2P_OK; P2P_ERR_INVALID for a malformed name or device; P2P_ERR_TOO_LARGE for
 * more than the entries above; P2P_ERR_MEMORY. A failed call changes nothing. */

/* Makes the device a member, also one that was expelled, and ends its approval. */
int p2p_members_add(struct p2p_members *members, const char *user,
                    const struct p2p_sign_public *device, uint64_t now_s) P2P_MUST_USE;
/* Notes when a member was last there. Does nothing for other devices. */
void p2p_members_see(struct p2p_members *members, const char *user,
                     const struct p2p_sign_public *device, uint64_t now_s);
/* `device`: a fingerprint ("SHA256:...") or a key in base64url. Once is enough. P2P_ERR_ACCESS for
 * a device that is a member as another user. */
int p2p_members_approve(struct p2p_members *members, const char *user,
                        const char *device) P2P_MUST_USE;
int p2p_members_invite(struct p2p_members *members, const char *user,
                       const struct p2p_sign_public *key, uint64_t now_s) P2P_MUST_USE;
/* Removes an invitation that was used. Does nothing if it does not exist. */
void p2p_members_end_invitation(struct p2p_members *members, const struct p2p_sign_public *key);

/* Ends those of a user. Returns how many there were. */
size_t p2p_members_end_invitations(struct p2p_members *members, const char *user);

/* Expels by `epoch`, a number above 0, all devices of a user, or one device (as above), whoever
 * uses it, also if it was expelled before. Ends their approvals and, of a user, the invitations.
 * Returns how many entries there were. */
size_t p2p_members_expel(struct p2p_members *members, const char *who, uint32_t epoch);
void p2p_members_set_epoch(struct p2p_members *members, uint32_t epoch);

/* Appends an entry as it was read from the file. P2P_ERR_INVALID also for times that are too large.
 */
int p2p_members_put_device(struct p2p_members *members,
                           const struct p2p_member_device *entry) P2P_MUST_USE;
int p2p_members_put_approval(struct p2p_members *members,
                             const struct p2p_member_approval *entry) P2P_MUST_USE;
int p2p_members_put_invitation(struct p2p_members *members,
                               const struct p2p_member_invitation *entry) P2P_MUST_USE;

#endif
