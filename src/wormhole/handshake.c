/* The transit handshake. Each expected line is compared as a whole, in constant time. */
#include "wormhole/handshake.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "crypto/random.h"

static const char RELAY_OK[] = "ok\n", GO[] = "go\n", NEVERMIND[] = "nevermind\n";

static void format_line(const struct p2p_transit_key *key, bool by_sender,
                        char out[P2P_HANDSHAKE_LINE_MAX]) {
  char hex[P2P_KEY_HEX_LEN + 1];

  p2p_key_handshake(key, by_sender, hex);
  snprintf(out, P2P_HANDSHAKE_LINE_MAX, "transit %s %s ready\n\n",
           by_sender ? "sender" : "receiver", hex);
  p2p_wipe(hex, sizeof hex);
}

void p2p_handshake_init(struct p2p_handshake *handshake, const struct p2p_transit_key *key,
                        bool is_sender, const char *relay_side) {
  char token[P2P_KEY_HEX_LEN + 1];

  *handshake = (struct p2p_handshake){
      .state = relay_side ? P2P_HANDSHAKE_RELAY : P2P_HANDSHAKE_PEER, .is_sender = is_sender};
  format_line(key, is_sender, handshake->ours);
  format_line(key, !is_sender, handshake->theirs);
  if (relay_side != NULL) {
    p2p_key_relay_token(key, token);
    snprintf(handshake->relay, sizeof handshake->relay, "please relay %s for side %.16s\n", token,
             relay_side);
    p2p_wipe(token, sizeof token);
  }
}

const char *p2p_handshake_line(const struct p2p_handshake *handshake) {
  return handshake->state == P2P_HANDSHAKE_RELAY ? handshake->relay : handshake->ours;
}

static const char *expected_line(const struct p2p_handshake *handshake) {
  switch (handshake->state) {
  case P2P_HANDSHAKE_RELAY: return RELAY_OK;
  case P2P_HANDSHAKE_PEER: return handshake->theirs;
  case P2P_HANDSHAKE_GO: return GO;
  default: return NULL;
  }
}

static enum p2p_handshake_state next_state(const struct p2p_handshake *handshake) {
  switch (handshake->state) {
  case P2P_HANDSHAKE_RELAY: return P2P_HANDSHAKE_PEER;
  case P2P_HANDSHAKE_PEER: return handshake->is_sender ? P2P_HANDSHAKE_DECIDE : P2P_HANDSHAKE_GO;
  default: return P2P_HANDSHAKE_DONE;
  }
}

enum p2p_handshake_state p2p_handshake_feed(struct p2p_handshake *handshake, const uint8_t **bytes,
                                            size_t *length) {
  const char *line = expected_line(handshake);

  if (line == NULL) return handshake->state;
  size_t missing = strlen(line) - handshake->received;
  size_t part = missing < *length ? missing : *length;
  memcpy(handshake->line + handshake->received, *bytes, part);
  handshake->received += part;
  *bytes += part;
  *length -= part;
  if (part < missing) return handshake->state;
  /* "nevermind" differs from "go", so it fails here as it should. */
  bool is_same = p2p_equal(handshake->line, line, handshake->received);
  handshake->state = is_same ? next_state(handshake) : P2P_HANDSHAKE_FAILED;
  handshake->received = 0;
  return handshake->state;
}

const char *p2p_handshake_decide(struct p2p_handshake *handshake, bool go) {
  handshake->state = go ? P2P_HANDSHAKE_DONE : P2P_HANDSHAKE_FAILED;
  return go ? GO : NEVERMIND;
}

void p2p_handshake_clear(struct p2p_handshake *handshake) {
  p2p_wipe(handshake, sizeof *handshake);
}
