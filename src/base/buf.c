/* The byte buffer. Consumed bytes leave a gap at the start. The gap is closed only once it is at
 * least as long as what must be moved, and the buffer grows by doubling, so that every byte is
 * copied a bounded number of times; the memory is at most about twice the cap. */
#include "base/buf.h"

#include <stdlib.h>
#include <string.h>

#define CAPACITY_MIN 256

/* Called through a volatile pointer: a compiler cannot tell that it is memset, and keeps it. */
static void *(*const volatile set_memory)(void *, int, size_t) = memset;

void p2p_wipe(void *bytes, size_t length) {
  if (length > 0) set_memory(bytes, 0, length);
}

void p2p_buf_init(struct p2p_buf *buf, size_t cap_bytes) {
  *buf = (struct p2p_buf){.cap_bytes = cap_bytes};
}

void p2p_buf_clear(struct p2p_buf *buf) {
  p2p_wipe(buf->bytes, buf->capacity);
  free(buf->bytes);
  p2p_buf_init(buf, buf->cap_bytes);
}

/* Moves the unread bytes to new memory with room for `needed` bytes in all. */
static int grow(struct p2p_buf *buf, size_t needed) {
  size_t capacity = needed > SIZE_MAX / 2 ? needed : 2 * needed;
  if (capacity < CAPACITY_MIN) capacity = CAPACITY_MIN;
  uint8_t *bytes = malloc(capacity);
  if (bytes == NULL) return P2P_ERR_MEMORY;
  if (buf->length > 0) memcpy(bytes, buf->bytes + buf->start, buf->length);
  p2p_wipe(buf->bytes, buf->capacity);
  free(buf->bytes);
  buf->bytes = bytes;
  buf->start = 0;
  buf->capacity = capacity;
  return P2P_OK;
}

int p2p_buf_reserve(struct p2p_buf *buf, size_t length, uint8_t **space) {
  if (buf->length > buf->cap_bytes || length > buf->cap_bytes - buf->length)
    return P2P_ERR_TOO_LARGE;
  size_t needed = buf->length + length;
  if (needed > buf->capacity - buf->start || buf->bytes == NULL) {
    if (needed <= buf->capacity && buf->start >= buf->length && buf->bytes != NULL) {
      memmove(buf->bytes, buf->bytes + buf->start, buf->length);
      buf->start = 0;
    } else {
      int code = grow(buf, needed);
      if (code != P2P_OK) return code;
    }
  }
  *space = buf->bytes + buf->start + buf->length;
  buf->length = needed;
  return P2P_OK;
}

int p2p_buf_put(struct p2p_buf *buf, const void *bytes, size_t length) {
  uint8_t *space;
  int code = p2p_buf_reserve(buf, length, &space);
  if (code == P2P_OK && length > 0) memcpy(space, bytes, length);
  return code;
}

int p2p_buf_put_u8(struct p2p_buf *buf, uint8_t value) { return p2p_buf_put(buf, &value, 1); }

int p2p_buf_put_u32(struct p2p_buf *buf, uint32_t value) {
  uint8_t bytes[4] = {(uint8_t)(value >> 24), (uint8_t)(value >> 16), (uint8_t)(value >> 8),
                      (uint8_t)value};
  return p2p_buf_put(buf, bytes, sizeof bytes);
}

void p2p_buf_consume(struct p2p_buf *buf, size_t length) {
  if (length >= buf->length) {
    buf->start = 0;
    buf->length = 0;
    return;
  }
  buf->start += length;
  buf->length -= length;
}
