/* WebSocket connections, client and server end (RFC 6455). Framing by wslay; the HTTP upgrade is
 * ours: strict, with every length capped. Text messages only, of at most P2P_WS_MESSAGE_MAX bytes.
 * io thread only. */
#ifndef P2P_NET_WS_H
#define P2P_NET_WS_H

#include "base/hostport.h"
#include "net/tcp.h"

#define P2P_WS_MESSAGE_MAX (1024 * 1024)

struct p2p_ws;

struct p2p_ws_callbacks {
  void (*on_open)(void *arg);
  void (*on_text)(void *arg, const char *text, size_t length); /* not NUL-terminated */
  void (*on_close)(void *arg, const struct p2p_err *err);      /* the last event; then free */
};

/* url: ws://host[:port][/path]. wss:// is P2P_ERR_INVALID with a sentence. timeout_ms bounds all
 * until on_open. A failure to connect arrives as on_close and names the url. `random` bytes come
 * from the caller's generator, since net/ does not know crypto/. */
int p2p_ws_connect(struct p2p_loop *loop, const char *url, uint32_t timeout_ms,
                   void (*random)(void *bytes, size_t length),
                   const struct p2p_ws_callbacks *callbacks, void *arg, struct p2p_ws **out,
                   struct p2p_err *err) P2P_MUST_USE;

/* Server end: takes over an accepted connection; on_open after the upgrade (bounded: 10 s). After
 * an error the connection is still the caller's. */
int p2p_ws_accept(struct p2p_loop *loop, struct p2p_tcp *tcp,
                  const struct p2p_ws_callbacks *callbacks, void *arg, struct p2p_ws **out,
                  struct p2p_err *err) P2P_MUST_USE;

/* Sends a copy of the text, which must be UTF-8. P2P_ERR_CLOSED (also before on_open),
 * P2P_ERR_TOO_LARGE, P2P_ERR_MEMORY. on_close is never called from within. */
int p2p_ws_send(struct p2p_ws *ws, const char *text, size_t length);
size_t p2p_ws_queued(const struct p2p_ws *ws);
/* Sends a close frame, lingers for at most 1 s, frees. No events after. Takes NULL. Safe from
 * within an event. */
void p2p_ws_free(struct p2p_ws *ws);

/* The parts of a ws:// url. P2P_ERR_PARSE; P2P_ERR_INVALID for wss://. An IPv6 address is written
 * in brackets, and host has none. The port is 80 and the path "/" where nothing else is said. */
struct p2p_url {
  char host[P2P_HOST_MAX + 1];
  uint16_t port;
  char path[256];
};
int p2p_url_parse(const char *url, struct p2p_url *out, struct p2p_err *err) P2P_MUST_USE;

#endif
