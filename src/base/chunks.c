/* A list of freed chunks, linked through their first bytes. A fork may have been made while another
 * thread held the lock, so nobody there waits for it: malloc() and free() do the work then. */
#include "base/chunks.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/asan.h"

/* A kept chunk is not to be used: AddressSanitizer sees that. */
#ifdef P2P_HAS_ASAN
#include <sanitizer/asan_interface.h>
#define HIDE(chunk) ASAN_POISON_MEMORY_REGION((chunk) + 1, P2P_CHUNK_BYTES - sizeof *(chunk))
#define SHOW(chunk) ASAN_UNPOISON_MEMORY_REGION(chunk, P2P_CHUNK_BYTES)
#else
#define HIDE(chunk) (void)0
#define SHOW(chunk) (void)0
#endif

struct freed {
  struct freed *next;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards all of these */
static struct freed *first;
static uint64_t kept_bytes, kept_max;

static struct freed *take(void) {
  struct freed *chunk = first;
  if (chunk == NULL) return NULL;
  first = chunk->next;
  kept_bytes -= P2P_CHUNK_BYTES;
  SHOW(chunk);
  return chunk;
}

uint8_t *p2p_chunk_new(void) {
  struct freed *chunk = NULL;
  if (pthread_mutex_trylock(&lock) == 0) {
    chunk = take();
    pthread_mutex_unlock(&lock);
  }
  return chunk != NULL ? (uint8_t *)chunk : malloc(P2P_CHUNK_BYTES);
}

void p2p_chunk_free(uint8_t *bytes) {
  struct freed *chunk = (struct freed *)(void *)bytes;
  if (chunk != NULL && pthread_mutex_trylock(&lock) == 0) {
    if (kept_bytes + P2P_CHUNK_BYTES <= kept_max) {
      chunk->next = first;
      first = chunk;
      kept_bytes += P2P_CHUNK_BYTES;
      HIDE(chunk);
      chunk = NULL;
    }
    pthread_mutex_unlock(&lock);
  }
  free(chunk);
}

void p2p_chunks_keep(uint64_t bytes) {
  struct freed *surplus = NULL;
  pthread_mutex_lock(&lock);
  kept_max = bytes;
  while (kept_bytes > kept_max) {
    struct freed *chunk = take();
    chunk->next = surplus;
    surplus = chunk;
  }
  pthread_mutex_unlock(&lock);
  while (surplus != NULL) {
    struct freed *next = surplus->next;
    free(surplus);
    surplus = next;
  }
}

uint64_t p2p_chunks_kept(void) {
  pthread_mutex_lock(&lock);
  uint64_t bytes = kept_bytes;
  pthread_mutex_unlock(&lock);
  return bytes;
}
