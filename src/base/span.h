/* Borrowed bytes and their length, for functions that take several. */
#ifndef P2P_BASE_SPAN_H
#define P2P_BASE_SPAN_H

#include <stddef.h>

struct p2p_span {
  const void *bytes; /* NULL only with length 0 */
  size_t length;
};

#define P2P_SPAN(bytes, length) ((struct p2p_span){(bytes), (length)})
#define P2P_NO_SPAN ((struct p2p_span){NULL, 0})

#endif
