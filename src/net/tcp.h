/* TCP connections: bytes in and out, and the end. They are made by net/connect and net/listener.
 * io thread only. */
#ifndef P2P_NET_TCP_H
#define P2P_NET_TCP_H

#include <stddef.h>
#include <stdint.h>

#include "base/hostport.h"
#include "net/loop.h"

#define P2P_TCP_LOW (256 * 1024)
/* "[host]:65535 through the proxy [host]:65535" and a NUL */
#define P2P_TCP_NAME_MAX (2 * P2P_HOSTPORT_TEXT_MAX + 32)

struct p2p_tcp;

struct p2p_tcp_callbacks {
  void (*on_connect)(void *arg); /* the connection is open; never for an accepted one */
  void (*on_data)(void *arg, const uint8_t *bytes, size_t length);
  /* May be NULL. Bytes of the queue were written, and fewer than P2P_TCP_LOW are left. */
  void (*on_drain)(void *arg);
  /* The connection has ended: P2P_ERR_CLOSED when the peer has closed it, else the failure ("cannot
   * connect to host:port: connection refused"). The last callback; free the connection. */
  void (*on_close)(void *arg, const struct p2p_err *err);
};

/* Sets the callbacks of an accepted connection and begins to read. P2P_ERR_CLOSED if it has ended.
 */
int p2p_tcp_attach(struct p2p_tcp *tcp, const struct p2p_tcp_callbacks *callbacks, void *arg);

/* Writes a copy of the bytes: at once what the kernel takes, the rest later. P2P_ERR_CLOSED (also
 * before on_connect), P2P_ERR_TOO_LARGE, P2P_ERR_MEMORY. After any error but P2P_ERR_TOO_LARGE
 * nothing more is written, and on_close is called soon (not from within): callers that handle
 * on_close may ignore the result. */
int p2p_tcp_write(struct p2p_tcp *tcp, const void *bytes, size_t length);
/* Bytes that the kernel has not taken yet. */
size_t p2p_tcp_queued(const struct p2p_tcp *tcp);

/* Stops and restarts reading, for back-pressure. Reading is on after connect and attach. */
void p2p_tcp_pause(struct p2p_tcp *tcp);
void p2p_tcp_resume(struct p2p_tcp *tcp);

/* While reading is paused: until it goes on, on_close is called as soon as the peer ends; what it
 * sent before is then not read. Without this, and on macOS (see net/watch.h), a peer that ends is
 * noticed when reading goes on, or a write fails. */
void p2p_tcp_watch_end(struct p2p_tcp *tcp);

/* "127.0.0.1:40001" or "[::1]:40001", of the other end and of this one. P2P_ERR_CLOSED. */
int p2p_tcp_peer_name(const struct p2p_tcp *tcp, char *out, size_t size);
int p2p_tcp_local_name(const struct p2p_tcp *tcp, char *out, size_t size);

/* Gives the descriptor (non-blocking, close-on-exec) to the caller and frees the connection. Only
 * for an open one on which nothing was read or written: within on_connect or on_accept. After a
 * negative P2P_ERR_* the connection is still the caller's. */
int p2p_tcp_take_fd(struct p2p_tcp *tcp);

/* No more callbacks. Frees the connection when the queue is written and the peer has closed its
 * end, or after linger_ms. */
void p2p_tcp_finish(struct p2p_tcp *tcp, uint32_t linger_ms);
/* Closes and frees at once. No more callbacks. Safe within its callbacks. Takes NULL. */
void p2p_tcp_free(struct p2p_tcp *tcp);

/* --- for net/connect, net/listener and net/tcp_measure --- */

struct uv_tcp_s;

/* A connection without a socket. `name` is for error messages. NULL: out of memory. */
struct p2p_tcp *p2p_tcp_new(struct p2p_loop *loop, const char *name);
/* Gives it a new socket in place of the one that it has. NULL: out of memory. */
struct uv_tcp_s *p2p_tcp_new_socket(struct p2p_tcp *tcp);
/* Its socket; NULL: none. */
struct uv_tcp_s *p2p_tcp_socket(const struct p2p_tcp *tcp);
/* Its descriptor, which stays the connection's; -1: none. */
int p2p_tcp_fd(const struct p2p_tcp *tcp);
/* What is to be released, with release(connector), if the connection is freed before it is open. */
void p2p_tcp_set_connector(struct p2p_tcp *tcp, void (*release)(void *connector), void *connector);
/* The socket is connected. Forgets the connector, and reads if callbacks are set. */
void p2p_tcp_set_open(struct p2p_tcp *tcp);
/* Closes the socket and forgets the connector; on_close is called soon. */
void p2p_tcp_fail(struct p2p_tcp *tcp, const struct p2p_err *err);
/* Sets the callbacks of a connection that is not open yet. */
void p2p_tcp_set_callbacks(struct p2p_tcp *tcp, const struct p2p_tcp_callbacks *callbacks,
                           void *arg);
/* For error messages; an accepted connection is named after its peer. */
void p2p_tcp_set_name(struct p2p_tcp *tcp, const char *name);

#endif
