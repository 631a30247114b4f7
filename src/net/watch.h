/* Readiness of a descriptor that somebody else reads and writes (libssh, net/tcp). io thread only.
 */
#ifndef P2P_NET_WATCH_H
#define P2P_NET_WATCH_H

#include "net/loop.h"

struct p2p_watch;

/* NULL: out of memory, or not a descriptor that can be polled. The watch does not own `fd`: free it
 * before closing `fd`. The callback may free its own watch. */
struct p2p_watch *p2p_watch_new(struct p2p_loop *loop, int fd,
                                void (*fn)(void *arg, bool readable, bool writable), void *arg);
/* P2P_OK or P2P_ERR_SYSTEM. */
int p2p_watch_set(struct p2p_watch *watch, bool want_read, bool want_write);
/* Polls for the end alone: that the peer has closed its direction, or the connection was lost, also
 * while bytes wait that nobody reads. It is reported as readable. On macOS, libuv
 * watches for nothing then: the end is not reported. P2P_OK or P2P_ERR_SYSTEM. */
int p2p_watch_for_end(struct p2p_watch *watch);
void p2p_watch_free(struct p2p_watch *watch); /* takes NULL */

#endif
