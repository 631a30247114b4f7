/* A link changes from boxes to a cipher while frames are on their way. */
#include "link_fixture.h"

/* Boxes follow the first frame until that of the other end arrives, which makes an end switch in
 * the middle of its stream. */
static void start_streams(void *arg) {
  struct pair *pair = arg;
  send_hellos(pair);
  pump(&pair->opener);
  pump(&pair->joiner);
}

static void stream_both_ways(enum p2p_cipher_kind opener, enum p2p_cipher_kind joiner) {
  static struct pair pair;
  pair_init(&pair);
  pair.opener.cipher = opener;
  pair.joiner.cipher = joiner;
  pair.opener.streams = pair.joiner.streams = true;
  pair.opener.to_send = pair.joiner.to_send = STREAM_BYTES;
  pair_open(&pair);
  CHECK(p2p_loop_call(pair.lab.loop, start_streams, &pair) == P2P_OK);
  CHECK(lab_wait(&pair.lab, &pair.opener.n_streamed, 1, 6 * PATIENCE_MS));
  CHECK(lab_wait(&pair.lab, &pair.joiner.n_streamed, 1, 6 * PATIENCE_MS));
  CHECK(pair.opener.n_frame == 1 && pair.joiner.n_frame == 1);
  CHECK(!pair.opener.is_disordered && !pair.joiner.is_disordered);
  CHECK(pair.opener.n_close + pair.joiner.n_close == 0);
  pair_close(&pair);
}

TEST(no_frame_is_lost_at_the_switch) {
  stream_both_ways(P2P_CIPHER_AES_256_GCM, P2P_CIPHER_AES_256_GCM);
  stream_both_ways(P2P_CIPHER_CHACHA20_POLY1305, P2P_CIPHER_CHACHA20_POLY1305);
  stream_both_ways(P2P_CIPHER_NONE, P2P_CIPHER_NONE);
}

static void switch_again(void *arg) {
  struct end *end = arg;
  CHECK(p2p_link_switch(end->link, P2P_CIPHER_NONE) == P2P_OK);
  CHECK(p2p_link_switch(end->link, P2P_CIPHER_AES_256_GCM) == P2P_ERR_INVALID);
}

TEST(a_link_switches_once) {
  static struct pair pair;
  pair_init(&pair);
  pair.opener.cipher = pair.joiner.cipher = P2P_CIPHER_AES_256_GCM;
  pair_open(&pair);
  check_frames(&pair);
  CHECK(p2p_loop_call(pair.lab.loop, switch_again, &pair.opener) == P2P_OK);
  pair_close(&pair);
}

/* Two ends that chose differently have a fault; they must notice it. */
TEST(another_cipher_than_that_of_the_peer_ends_the_link) {
  static struct pair pair;
  pair_init(&pair);
  pair.opener.cipher = P2P_CIPHER_AES_256_GCM;
  pair.joiner.cipher = P2P_CIPHER_CHACHA20_POLY1305;
  pair_open(&pair);
  check_frames(&pair);
  CHECK(p2p_loop_call(pair.lab.loop, end_send_hello, &pair.opener) == P2P_OK);
  CHECK(lab_wait(&pair.lab, &pair.joiner.n_close, 1, PATIENCE_MS));
  CHECK(pair.joiner.err.code == P2P_ERR_CRYPTO && pair.joiner.n_frame == 1);
  pair_close(&pair);
}

UNIT_MAIN("link_switch", UNIT(no_frame_is_lost_at_the_switch), UNIT(a_link_switches_once),
          UNIT(another_cipher_than_that_of_the_peer_ends_the_link))
