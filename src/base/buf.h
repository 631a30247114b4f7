/* A byte buffer that grows up to a cap: appended at its end, consumed at its start.
 * The cap is checked before anything is allocated; a failed call changes nothing.
 * Memory is wiped before it is freed, since buffers contain keys and codes. */
#ifndef P2P_BASE_BUF_H
#define P2P_BASE_BUF_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct p2p_buf {
  uint8_t *bytes; /* owned; the unread part begins at bytes + start */
  size_t start, length, capacity, cap_bytes;
};

/* An empty buffer that never holds more than cap_bytes unread bytes. Allocates nothing. */
void p2p_buf_init(struct p2p_buf *buf, size_t cap_bytes);
/* Wipes and frees; the buffer is as after p2p_buf_init. */
void p2p_buf_clear(struct p2p_buf *buf);

/* The start of the unread bytes; NULL before the first put. */
static inline const uint8_t *p2p_buf_data(const struct p2p_buf *buf) {
  return buf->bytes == NULL ? NULL : buf->bytes + buf->start;
}
static inline size_t p2p_buf_len(const struct p2p_buf *buf) { return buf->length; }

/* All return P2P_OK, P2P_ERR_TOO_LARGE or P2P_ERR_MEMORY. */
int p2p_buf_put(struct p2p_buf *buf, const void *bytes, size_t length) P2P_MUST_USE;
int p2p_buf_put_u8(struct p2p_buf *buf, uint8_t value) P2P_MUST_USE;
int p2p_buf_put_u32(struct p2p_buf *buf, uint32_t value) P2P_MUST_USE; /* big-endian */
/* Appends `length` bytes that the caller fills in; *space stays valid until the next call. */
int p2p_buf_reserve(struct p2p_buf *buf, size_t length, uint8_t **space) P2P_MUST_USE;

/* Removes the first `length` bytes, or all if there are fewer. */
void p2p_buf_consume(struct p2p_buf *buf, size_t length);

/* Overwrites memory in a way that the compiler keeps. */
void p2p_wipe(void *bytes, size_t length);

#endif
