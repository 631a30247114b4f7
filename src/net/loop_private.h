/* What the files of net/ know of the loop beyond its contract. */
#ifndef P2P_NET_LOOP_PRIVATE_H
#define P2P_NET_LOOP_PRIVATE_H

#include <uv.h>

#include "net/loop.h"
#include "net/proxy.h"

#define P2P_LOOP_READ_BYTES 65536

/* The proxy of this process; with an empty host where there is none. */
const struct p2p_proxy *p2p_loop_proxy(const struct p2p_loop *loop);
/* One buffer for all reads: what is read is handed on before the next read begins. */
uv_buf_t p2p_loop_read_buffer(struct p2p_loop *loop);

#endif
