/* The keys that are derived from the secret of a cluster. */
#include "protocol/cluster_key.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/encode.h"
#include "base/endian.h"
#include "crypto/hash.h"
#include "crypto/random.h"

#define SALT "future.p2p/cluster/v1"
#define KEY_ID_BYTES 8
#define CODE_BYTES 16
#define INFO_MAX 256 /* a label and the name of a cluster are far shorter */

/* info = label, NUL, cluster, NUL, epoch as u32. */
static void derive(const struct p2p_cluster_key *key, const char *cluster, const char *label,
                   uint8_t *out, size_t size) {
  char info[INFO_MAX];
  int length = snprintf(info, sizeof info - 4, "%s%c%s%c", label, 0, cluster, 0);
  p2p_set_u32((uint8_t *)info + length, key->epoch);
  (void)p2p_hkdf(P2P_SPAN(key->secret, sizeof key->secret), P2P_SPAN(SALT, strlen(SALT)),
                 P2P_SPAN(info, (size_t)length + 4), out, size);
}

void p2p_cluster_key_derive(const char *cluster, uint32_t epoch,
                            const uint8_t secret[P2P_CLUSTER_SECRET_LEN],
                            struct p2p_cluster_key *out) {
  uint8_t id[KEY_ID_BYTES];
  out->epoch = epoch;
  memcpy(out->secret, secret, sizeof out->secret);
  derive(out, cluster, "id", id, sizeof id);
  p2p_hex_encode(id, sizeof id, out->id);
  derive(out, cluster, "line", out->line, sizeof out->line);
  derive(out, cluster, "link", out->link, sizeof out->link);
  derive(out, cluster, "mailbox", out->mailbox, sizeof out->mailbox);
}

void p2p_cluster_key_owner(const struct p2p_cluster_key *key, const char *cluster,
                           struct p2p_sign_secret *out) {
  derive(key, cluster, "owner", out->bytes, sizeof out->bytes);
}

void p2p_keyed_code_make(char out[P2P_KEYED_CODE_MAX]) {
  uint8_t bytes[CODE_BYTES];
  p2p_random_bytes(bytes, sizeof bytes);
  p2p_hex_encode(bytes, sizeof bytes, out);
  p2p_wipe(bytes, sizeof bytes);
}

void p2p_cluster_key_mailbox(const struct p2p_cluster_key *key, const char *code,
                             char out[P2P_LINK_MAILBOX_MAX]) {
  uint8_t mac[P2P_SHA256_LEN];
  p2p_hmac_sha256(P2P_SPAN(key->mailbox, sizeof key->mailbox), P2P_SPAN(code, strlen(code)), mac);
  p2p_hex_encode(mac, (P2P_LINK_MAILBOX_MAX - 1) / 2, out);
}

#define TEXT(text) P2P_SPAN((text), strlen(text))

void p2p_cluster_key_password(const struct p2p_cluster_key *key,
                              const struct p2p_link_parties *parties,
                              char out[P2P_LINK_PASSWORD_MAX]) {
  uint8_t epoch[4], hash[P2P_SHA256_LEN], mac[P2P_SHA256_LEN];
  char hex[P2P_HEX_LEN(P2P_SHA256_LEN) + 1];
  const struct p2p_span parts[] = {TEXT(parties->cluster),
                                   P2P_SPAN(epoch, sizeof epoch),
                                   TEXT(parties->client),
                                   TEXT(parties->worker),
                                   P2P_SPAN(parties->worker_key->bytes, P2P_SEAL_KEY_LEN),
                                   TEXT(parties->code)};
  p2p_set_u32(epoch, key->epoch);
  p2p_sha256_parts("future.p2p/link/v1", parts, sizeof parts / sizeof parts[0], hash);
  p2p_hmac_sha256(P2P_SPAN(key->link, sizeof key->link), P2P_SPAN(hash, sizeof hash), mac);
  p2p_hex_encode(mac, sizeof mac, hex);
  snprintf(out, P2P_LINK_PASSWORD_MAX, "%s-%s", parties->code, hex);
  p2p_wipe(mac, sizeof mac);
  p2p_wipe(hex, sizeof hex);
}
