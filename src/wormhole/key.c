/* The key schedule: one HKDF for each purpose. */
#include "wormhole/key.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "crypto/hash.h"

static void derive(const uint8_t key[P2P_KEY_LEN], const void *info, size_t info_length,
                   uint8_t out[P2P_KEY_LEN]) {
  /* Cannot fail for 32 bytes. */
  (void)p2p_hkdf(P2P_SPAN(key, P2P_KEY_LEN), P2P_NO_SPAN, P2P_SPAN(info, info_length), out,
                 P2P_KEY_LEN);
}

static void derive_hex(const struct p2p_transit_key *key, const char *info,
                       char out[P2P_KEY_HEX_LEN + 1]) {
  uint8_t bytes[P2P_KEY_LEN];

  derive(key->bytes, info, strlen(info), bytes);
  p2p_hex_encode(bytes, sizeof bytes, out);
  p2p_wipe(bytes, sizeof bytes);
}

void p2p_key_phase(const struct p2p_wormhole_key *key, const char *side, const char *phase,
                   uint8_t out[P2P_KEY_LEN]) {
  static const char PREFIX[] = "wormhole:phase:";
  enum { PREFIX_LEN = sizeof PREFIX - 1 };
  uint8_t info[PREFIX_LEN + 2 * P2P_SHA256_LEN];

  memcpy(info, PREFIX, PREFIX_LEN);
  p2p_sha256(side, strlen(side), info + PREFIX_LEN);
  p2p_sha256(phase, strlen(phase), info + PREFIX_LEN + P2P_SHA256_LEN);
  derive(key->bytes, info, sizeof info, out);
}

void p2p_key_verifier(const struct p2p_wormhole_key *key, uint8_t out[P2P_KEY_LEN]) {
  static const char INFO[] = "wormhole:verifier";

  derive(key->bytes, INFO, sizeof INFO - 1, out);
}

void p2p_key_transit(const struct p2p_wormhole_key *key, const char *appid,
                     struct p2p_transit_key *out) {
  char info[P2P_APPID_MAX + sizeof "/transit-key"];

  snprintf(info, sizeof info, "%.*s/transit-key", P2P_APPID_MAX, appid);
  derive(key->bytes, info, strlen(info), out->bytes);
}

void p2p_key_record(const struct p2p_transit_key *key, bool by_sender, struct p2p_record_key *out) {
  const char *info = by_sender ? "transit_record_sender_key" : "transit_record_receiver_key";

  derive(key->bytes, info, strlen(info), out->bytes);
}

void p2p_key_cipher(const struct p2p_transit_key *key, const char *cipher, bool by_sender,
                    struct p2p_record_key *out) {
  char info[64];

  snprintf(info, sizeof info, "future.p2p/records/%s/%s", cipher,
           by_sender ? "sender" : "receiver");
  derive(key->bytes, info, strlen(info), out->bytes);
}

void p2p_key_next(struct p2p_record_key *key) {
  static const char INFO[] = "future.p2p/records/next";
  struct p2p_record_key next;

  derive(key->bytes, INFO, sizeof INFO - 1, next.bytes);
  *key = next;
  p2p_wipe(&next, sizeof next);
}

void p2p_key_handshake(const struct p2p_transit_key *key, bool by_sender,
                       char out[P2P_KEY_HEX_LEN + 1]) {
  derive_hex(key, by_sender ? "transit_sender" : "transit_receiver", out);
}

void p2p_key_relay_token(const struct p2p_transit_key *key, char out[P2P_KEY_HEX_LEN + 1]) {
  derive_hex(key, "transit_relay_token", out);
}
