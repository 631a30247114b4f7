/* TCP connections and listeners (libuv). Names are resolved off the io thread; all addresses
 * of a name are tried. TCP_NODELAY is set. io thread only. */
#ifndef P2P_NET_TCP_H
#define P2P_NET_TCP_H

#include <stddef.h>
#include <stdint.h>

#include "net/loop.h"

struct p2p_tcp;

struct p2p_tcp_callbacks {
  void (*on_connect)(void *arg); /* the connection is up */
  void (*on_data)(void *arg, const uint8_t *bytes, size_t length);
  /* May be NULL: something of the queue was written, and what is left is below P2P_TCP_LOW. */
  void (*on_drain)(void *arg);
  /* The connection has ended: err->code P2P_ERR_CLOSED when the peer closed, else the failure
   * ("Cannot connect to host:port: connection refused"). The last event; then free. */
  void (*on_close)(void *arg, const struct p2p_err *err);
};

#define P2P_TCP_LOW (256 * 1024)

/* Begins to connect; a failure arrives as on_close, never from within this call. `host` is a name
 * or an IPv4/IPv6 address without brackets. */
int p2p_tcp_connect(struct p2p_loop *loop, const char *host, uint16_t port, uint32_t timeout_ms,
                    const struct p2p_tcp_callbacks *callbacks, void *arg, struct p2p_tcp **out,
                    struct p2p_err *err) P2P_MUST_USE;

/* The same, but by way of the proxy of this process (net/proxy.h), if there is one for this host.
 * For servers that everybody can reach; never for peers. */
int p2p_tcp_connect_out(struct p2p_loop *loop, const char *host, uint16_t port, uint32_t timeout_ms,
                        const struct p2p_tcp_callbacks *callbacks, void *arg, struct p2p_tcp **out,
                        struct p2p_err *err) P2P_MUST_USE;

/* Says who hears of a connection from now on (an accepted one has nobody yet, and does not
 * read before this). */
int p2p_tcp_attach(struct p2p_tcp *tcp, const struct p2p_tcp_callbacks *callbacks, void *arg);

/* Writes a copy of the bytes, at once as far as the kernel takes them. P2P_ERR_CLOSED (also before
 * on_connect), P2P_ERR_MEMORY. on_close is never called from within. */
int p2p_tcp_write(struct p2p_tcp *tcp, const void *bytes, size_t length);
size_t p2p_tcp_queued(const struct p2p_tcp *tcp); /* bytes the kernel has not taken yet */

/* Reading on and off, for back-pressure. On after connect and attach. */
void p2p_tcp_pause(struct p2p_tcp *tcp);
void p2p_tcp_resume(struct p2p_tcp *tcp);

/* "127.0.0.1:40001" / "[::1]:40001" of the other and of this end. */
int p2p_tcp_peer_name(const struct p2p_tcp *tcp, char *out, size_t size);
int p2p_tcp_local_name(const struct p2p_tcp *tcp, char *out, size_t size);

/* Gives the descriptor (non-blocking, close-on-exec) to the caller and frees the connection. Only
 * on a connected one on which nothing was read or written: from within on_connect, or on_accept.
 * Negative: P2P_ERR_*, and the connection is still the caller's. */
int p2p_tcp_take_fd(struct p2p_tcp *tcp);

/* Frees after what is queued was written and the peer has ended too, or after linger_ms, whichever
 * is first. No events after. */
void p2p_tcp_finish(struct p2p_tcp *tcp, uint32_t linger_ms);
/* Closes and frees at once; no events after. Takes NULL. Safe from within an event. */
void p2p_tcp_free(struct p2p_tcp *tcp);

struct p2p_listener;
/* Listens on a numeric address (NULL: all, IPv4 and IPv6) and port (0: any free one). on_accept
 * owns the connection. P2P_ERR_INVALID for what is no address, else P2P_ERR_NETWORK. */
int p2p_listener_new(struct p2p_loop *loop, const char *address, uint16_t port,
                     void (*on_accept)(void *arg, struct p2p_tcp *tcp), void *arg,
                     struct p2p_listener **out, struct p2p_err *err) P2P_MUST_USE;
uint16_t p2p_listener_port(const struct p2p_listener *listener);
void p2p_listener_free(struct p2p_listener *listener); /* takes NULL */

/* This machine's addresses, for transit hints: up to `most` texts of at most 45 characters and a
 * NUL. Loopback only where there is nothing else or with_loopback. No link-local. Returns how many.
 */
size_t p2p_local_addresses(char (*out)[46], size_t most, bool with_loopback);

#endif
