/* How fast records are sealed and opened: MB/s of payload for each cipher of links, and for the
 * boxes of file transfers. Each record has one DATA frame of the largest size. A line per cipher:
 * its name, and both speeds. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "crypto/random.h"
#include "protocol/cipher_list.h"
#include "protocol/frame.h"
#include "wormhole/record.h"

#define RECORDS \
  64 /* sealed, then opened: 4 MB, so that other work between the two is like that of a link */
#define PAYLOAD (P2P_FRAME_HEADER_LEN + P2P_FRAME_PAYLOAD_MAX)
#define ROOM (P2P_RECORD_OVERHEAD + PAYLOAD)
#define ROUNDS 40

static uint8_t rooms[RECORDS][ROOM];

static double now_s(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void die(const char *what) {
  fprintf(stderr, "cannot %s\n", what);
  exit(1);
}

/* P2P_CIPHER_NONE: boxes. The best of several rounds. */
static void measure(enum p2p_cipher_kind kind, const char *name) {
  static const struct p2p_transit_key key;
  struct p2p_record_sealer sealer, unused_sealer;
  struct p2p_record_opener opener, unused_opener;
  double best_seal = 0, best_open = 0;
  p2p_record_init(&sealer, &unused_opener, &key, true);
  p2p_record_init(&unused_sealer, &opener, &key, false);
  if (kind != P2P_CIPHER_NONE &&
      (p2p_record_switch(&sealer, &unused_opener, kind, &key, true) != P2P_OK ||
       p2p_record_switch(&unused_sealer, &opener, kind, &key, false) != P2P_OK))
    die("switch");
  for (int round = 0; round < ROUNDS; round++) {
    uint8_t *records[RECORDS];
    double began_s = now_s();
    for (int i = 0; i < RECORDS; i++)
      if ((records[i] = p2p_record_seal(&sealer, rooms[i], PAYLOAD)) == NULL) die("seal");
    double sealed_s = now_s();
    for (int i = 0; i < RECORDS; i++) {
      const uint8_t *bytes = records[i], *payload;
      size_t length = (size_t)(rooms[i] + ROOM - records[i]), payload_length;
      if (p2p_record_open(&opener, &bytes, &length, &payload, &payload_length, NULL) != 1)
        die("open");
    }
    double opened_s = now_s(), bytes = (double)RECORDS * PAYLOAD;
    if (bytes / (sealed_s - began_s) > best_seal) best_seal = bytes / (sealed_s - began_s);
    if (bytes / (opened_s - sealed_s) > best_open) best_open = bytes / (opened_s - sealed_s);
  }
  printf("%s %.0f %.0f\n", name, best_seal / 1e6, best_open / 1e6);
  p2p_record_sealer_clear(&sealer);
  p2p_record_sealer_clear(&unused_sealer);
  p2p_record_opener_clear(&opener);
  p2p_record_opener_clear(&unused_opener);
}

int main(void) {
  if (p2p_crypto_init() != P2P_OK) die("start libsodium");
  const struct p2p_cipher_list *ours = p2p_cipher_ours();
  for (size_t i = 0; i < ours->count; i++)
    measure(ours->kinds[i], p2p_cipher_list_name(ours->kinds[i]));
  measure(P2P_CIPHER_NONE, "secretbox");
  return 0;
}
