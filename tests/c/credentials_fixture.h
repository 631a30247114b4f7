/* Credentials of devices that one owner has certified. */
#ifndef P2P_TESTS_CREDENTIALS_FIXTURE_H
#define P2P_TESTS_CREDENTIALS_FIXTURE_H

#include "protocol/credentials.h"
#include "unit.h"

static struct p2p_sign_public owner;
static struct p2p_sign_secret owner_secret;

/* Credentials of a new device of `user` in `cluster`. `seed`: tells keys of an epoch apart. */
static inline void enrol(struct p2p_credentials *out, const char *cluster, const char *user,
                         uint32_t epoch, uint8_t seed) {
  uint8_t secret[P2P_CLUSTER_SECRET_LEN];
  memset(secret, seed, sizeof secret);
  *out = (struct p2p_credentials){.owner = owner};
  snprintf(out->cluster, sizeof out->cluster, "%s", cluster);
  snprintf(out->user, sizeof out->user, "%s", user);
  p2p_cluster_key_derive(cluster, epoch, secret, &out->key);
  p2p_sign_keypair(&out->device, &out->device_secret);
  struct p2p_certificate certificate = {cluster, epoch, out->user, out->device};
  p2p_certificate_sign(&certificate, &owner_secret, out->certificate);
}

#endif
