/* base/chunks: freed chunks are kept up to the bound, and used again. */
#include "base/chunks.h"

#include <pthread.h>
#include <stdbool.h>

#include "unit.h"

TEST(nothing_is_kept_at_first) {
  p2p_chunk_free(p2p_chunk_new());
  p2p_chunk_free(NULL);
  CHECK(p2p_chunks_kept() == 0);
}

TEST(freed_chunks_are_kept_and_used_again) {
  uint8_t *a, *b, *c;
  p2p_chunks_keep(2 * P2P_CHUNK_BYTES + 1);
  a = p2p_chunk_new(), b = p2p_chunk_new(), c = p2p_chunk_new();
  CHECK(a != NULL && b != NULL && c != NULL);
  p2p_chunk_free(a), p2p_chunk_free(b), p2p_chunk_free(c);
  CHECK(p2p_chunks_kept() == 2 * P2P_CHUNK_BYTES);
  uint8_t *d = p2p_chunk_new(), *e = p2p_chunk_new();
  CHECK(d == b && e == a && p2p_chunks_kept() == 0);
  memset(d, 1, P2P_CHUNK_BYTES), memset(e, 2, P2P_CHUNK_BYTES);
  CHECK(d[P2P_CHUNK_BYTES - 1] == 1 && e[0] == 2);
  p2p_chunk_free(d), p2p_chunk_free(e);
  p2p_chunks_keep(P2P_CHUNK_BYTES);
  CHECK(p2p_chunks_kept() == P2P_CHUNK_BYTES);
  p2p_chunks_keep(0);
  CHECK(p2p_chunks_kept() == 0);
}

static void *take_and_free(void *arg) {
  bool *is_right = arg;
  for (int i = 0; i < 2000; i++) {
    uint8_t *chunks[4];
    for (int j = 0; j < 4; j++) {
      chunks[j] = p2p_chunk_new();
      if (chunks[j] != NULL) chunks[j][0] = chunks[j][P2P_CHUNK_BYTES - 1] = (uint8_t)j;
    }
    for (int j = 0; j < 4; j++) {
      *is_right &= chunks[j] != NULL && chunks[j][0] == j && chunks[j][P2P_CHUNK_BYTES - 1] == j;
      p2p_chunk_free(chunks[j]);
    }
  }
  return NULL;
}

TEST(threads_get_chunks_of_their_own) {
  bool is_right[2] = {true, true};
  pthread_t other;
  p2p_chunks_keep(6 * P2P_CHUNK_BYTES);
  CHECK(pthread_create(&other, NULL, take_and_free, &is_right[1]) == 0);
  take_and_free(&is_right[0]);
  CHECK(pthread_join(other, NULL) == 0 && is_right[0] && is_right[1]);
  CHECK(p2p_chunks_kept() <= 6 * P2P_CHUNK_BYTES);
  p2p_chunks_keep(0);
}

UNIT_MAIN("chunks", UNIT(nothing_is_kept_at_first), UNIT(freed_chunks_are_kept_and_used_again),
          UNIT(threads_get_chunks_of_their_own))
