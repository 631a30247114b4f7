/* WebSocket connections, client and server (RFC 6455). wslay does the framing; the HTTP upgrade is
 * strict and caps every length. Text messages only. io thread only. */
#ifndef P2P_NET_WS_H
#define P2P_NET_WS_H

#include "net/tcp.h"

#define P2P_WS_MESSAGE_MAX (1024 * 1024) /* bytes of a message */

struct p2p_ws;

struct p2p_ws_callbacks {
  void (*on_open)(void *arg);
  void (*on_text)(void *arg, const char *text, size_t length); /* without a NUL */
  void (*on_close)(void *arg, const struct p2p_err *err);      /* the last callback; then free */
};

struct p2p_ws_request {
  struct p2p_loop *loop;
  const char *url;     /* ws://host[:port][/path] */
  uint32_t timeout_ms; /* until on_open */
};

/* Begins to connect. Failures to connect arrive as on_close and name the url. Errors of
 * p2p_url_parse and p2p_tcp_connect. */
int p2p_ws_connect(const struct p2p_ws_request *request, const struct p2p_ws_callbacks *callbacks,
                   void *arg, struct p2p_ws **out, struct p2p_err *err) P2P_MUST_USE;

/* Server: takes over an accepted connection; on_open is called after the upgrade, which may take
 * 10 s. After an error the connection is still the caller's. */
int p2p_ws_accept(struct p2p_loop *loop, struct p2p_tcp *tcp,
                  const struct p2p_ws_callbacks *callbacks, void *arg, struct p2p_ws **out,
                  struct p2p_err *err) P2P_MUST_USE;

/* Sends a copy of the text, which must be UTF-8. P2P_ERR_CLOSED (also before on_open),
 * P2P_ERR_TOO_LARGE, P2P_ERR_MEMORY. After any error but P2P_ERR_TOO_LARGE no later message is
 * sent, and on_close is called soon (not from within): callers that handle on_close may ignore the
 * result. */
int p2p_ws_send(struct p2p_ws *ws, const char *text, size_t length);
/* Bytes that were not sent yet. */
size_t p2p_ws_queued(const struct p2p_ws *ws);
/* Sends a close frame, gives the peer 1 s, and frees. No more callbacks. Safe within its callbacks.
 * Takes NULL. */
void p2p_ws_free(struct p2p_ws *ws);

#endif
