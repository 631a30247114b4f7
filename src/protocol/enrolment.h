/* The plain-text lines of a cluster with a key, by which a device gets the key. Pure. Grammar:
 * docs/protocol.md, "Enrolment". */
#ifndef P2P_PROTOCOL_ENROLMENT_H
#define P2P_PROTOCOL_ENROLMENT_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "crypto/sign.h"
#include "protocol/cluster_key.h"
#include "protocol/credentials.h"
#include "protocol/identity.h"
#include "protocol/line.h"
#include "protocol/member_name.h"

/* All readers return P2P_OK; P2P_ERR_CANCELED: another type of line, or for another device;
 * P2P_ERR_PARSE: malformed; P2P_ERR_CRYPTO: a signature is wrong, or a box does not open. *out is
 * set only on P2P_OK. Writers replace *out; P2P_ERR_INVALID for malformed names and for epochs that
 * are not from 1 to P2P_EPOCH_MAX.
 *
 * A signature says who wrote a line, not when: anybody can write it once more. So the caller
 * ignores enrolled and epoch lines of an epoch before the last one that it knows. */

/* enrol: a device asks for the key. */
struct p2p_enrol {
  struct p2p_identity from; /* its user is part of the name */
  struct p2p_sign_public device;
  bool is_invited;
  struct p2p_sign_public invitation; /* if it is invited */
};
/* `invitation`: the secret half, or NULL. from and device of *enrol are used; device must be that
 * of the secret `device`. */
int p2p_enrol_write(struct p2p_line *out, const struct p2p_enrol *enrol, const char *cluster,
                    const struct p2p_sign_secret *device, const struct p2p_sign_secret *invitation,
                    time_t now) P2P_MUST_USE;
int p2p_enrol_read(const struct p2p_line *line, const char *cluster,
                   struct p2p_enrol *out) P2P_MUST_USE;

/* The owner's device, as which a host writes. */
struct p2p_owner_device {
  const char *cluster;
  const struct p2p_identity *from;
  const struct p2p_sign_secret *secret;
};

/* enrolled: the owner gives the key to a device. */
struct p2p_grant { /* secret: wipe it */
  uint32_t epoch;
  uint8_t secret[P2P_CLUSTER_SECRET_LEN];
  struct p2p_sign_public owner;
  char user[P2P_USER_NAME_MAX]; /* to whom the device belongs */
  uint8_t certificate[P2P_SIGNATURE_LEN];
};
/* Signs the certificate of `device` for the user and the epoch. */
void p2p_grant_certify(struct p2p_grant *grant, const char *cluster,
                       const struct p2p_sign_public *device, const struct p2p_sign_secret *owner);
int p2p_grant_write(struct p2p_line *out, const struct p2p_grant *grant,
                    const struct p2p_sign_public *device, const struct p2p_owner_device *owner,
                    time_t now) P2P_MUST_USE;
/* Checks the owner's signature and the certificate; whether `owner` is the owner is up to the
 * caller. */
int p2p_grant_read(const struct p2p_line *line, const char *cluster,
                   const struct p2p_sign_secret *device, struct p2p_grant *out) P2P_MUST_USE;

/* refused: why the owner does not give the key to a device. */
enum p2p_refusal {
  P2P_REFUSAL_UNLISTED, /* the user is not a member */
  P2P_REFUSAL_DEVICE,   /* the user has another device, and the board does not vouch for this one */
  P2P_REFUSAL_INVITE,   /* only with an invitation, which is missing, used or unknown */
  P2P_REFUSAL_EXPELLED, /* the device or its user was expelled */
  P2P_REFUSAL_KEYLESS   /* the cluster has no key */
};
struct p2p_refused {
  enum p2p_refusal reason;
  struct p2p_sign_public owner;
};
/* `to`: the id of the member that asked, which is new for each process. */
int p2p_refused_write(struct p2p_line *out, enum p2p_refusal reason, const char *to,
                      const struct p2p_owner_device *owner, time_t now) P2P_MUST_USE;
int p2p_refused_read(const struct p2p_line *line, const char *cluster, const char *to,
                     struct p2p_refused *out) P2P_MUST_USE;

/* epoch: the current epoch, and whose devices were expelled by it. */
struct p2p_epoch {
  uint32_t epoch;
  struct p2p_sign_public owner;
  struct p2p_sign_public expelled[P2P_EXPELLED_MAX];
  size_t n_expelled;
};
int p2p_epoch_write(struct p2p_line *out, const struct p2p_epoch *epoch,
                    const struct p2p_owner_device *owner, time_t now) P2P_MUST_USE;
int p2p_epoch_read(const struct p2p_line *line, const char *cluster,
                   struct p2p_epoch *out) P2P_MUST_USE;

#endif
