/* WebSocket frames into either end, after an upgrade that goes well. What ws.c wants of connections
 * and timers is defined here, so that an input costs no socket, no thread and no time. The first
 * byte says which end it is, the second how long the pieces are in which the rest comes. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/random.h"
#include "fuzz.h"
#include "net/connect.h"
#include "net/tcp.h"
#include "net/timer.h"
#include "net/upgrade.h"
#include "net/ws.h"

#define REFUSES_ANSWERS 4 /* bit of the first byte: the peer sends, and reads nothing */

/* ---- the connection ---- */

struct p2p_tcp {
  struct p2p_tcp_callbacks callbacks;
  void *arg;
  bool is_gone;
  size_t queued;
  uint8_t sum; /* of all that was written: so that it is read */
} tcp;

int p2p_tcp_connect(const struct p2p_connect_request *request,
                    const struct p2p_tcp_callbacks *callbacks, void *arg, struct p2p_tcp **out,
                    struct p2p_err *err) {
  (void)request, (void)err;
  *out = &tcp;
  return p2p_tcp_attach(&tcp, callbacks, arg);
}

int p2p_tcp_attach(struct p2p_tcp *at, const struct p2p_tcp_callbacks *callbacks, void *arg) {
  at->callbacks = *callbacks;
  at->arg = arg;
  return P2P_OK;
}

int p2p_tcp_write(struct p2p_tcp *at, const void *bytes, size_t length) {
  if (at->is_gone) __builtin_trap();
  for (size_t i = 0; i < length; i++) at->sum ^= ((const uint8_t *)bytes)[i];
  return P2P_OK;
}

size_t p2p_tcp_queued(const struct p2p_tcp *at) { return at->queued; }

int p2p_tcp_peer_name(const struct p2p_tcp *at, char *out, size_t size) {
  (void)at, (void)out, (void)size;
  return P2P_ERR_CLOSED;
}

void p2p_tcp_finish(struct p2p_tcp *at, uint32_t linger_ms) {
  (void)linger_ms;
  p2p_tcp_free(at);
}

void p2p_tcp_free(struct p2p_tcp *at) {
  if (at == NULL) return;
  if (at->is_gone) __builtin_trap();
  at->is_gone = true;
}

/* ---- timers, whose time never comes ---- */

struct p2p_timer *p2p_timer_new(struct p2p_loop *loop, void (*fn)(void *arg), void *arg) {
  (void)loop, (void)fn, (void)arg;
  return malloc(1);
}

void p2p_timer_start(struct p2p_timer *timer, uint64_t delay_ms, uint64_t repeat_ms) {
  (void)timer, (void)delay_ms, (void)repeat_ms;
}
void p2p_timer_stop(struct p2p_timer *timer) { (void)timer; }
void p2p_timer_free(struct p2p_timer *timer) { free(timer); }

/* ---- the loop ---- */

static struct p2p_post *deferred;

void p2p_loop_defer(struct p2p_loop *loop, struct p2p_post *post) {
  (void)loop;
  if (deferred != NULL) __builtin_trap(); /* there is one WebSocket at a time */
  deferred = post;
}

/* ---- the WebSocket ---- */

static struct p2p_ws *ws;
static bool is_open, is_closed;

static void on_open(void *arg) {
  (void)arg;
  is_open = true;
}

static void on_text(void *arg, const char *text, size_t length) {
  (void)arg;
  if (length > P2P_WS_MESSAGE_MAX || !is_open || is_closed) __builtin_trap();
  (void)p2p_ws_send(ws, text, length);
}

static void on_close(void *arg, const struct p2p_err *err) {
  (void)arg;
  if (is_closed || err->code == P2P_OK || err->message[0] == '\0') __builtin_trap();
  is_closed = true;
}

void p2p_random_bytes(void *bytes, size_t length) { memset(bytes, 0, length); }

static const char KEY[] = "AAAAAAAAAAAAAAAAAAAAAA=="; /* of p2p_random_bytes */

static void give(const void *bytes, size_t length) {
  if (!tcp.is_gone) tcp.callbacks.on_data(tcp.arg, bytes, length);
}

static void open_server(void) {
  static const struct p2p_ws_callbacks EVENTS = {on_open, on_text, on_close};
  static const char REQUEST[] =
      "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n";
  if (p2p_ws_accept(NULL, &tcp, &EVENTS, NULL, &ws, NULL) != P2P_OK) __builtin_trap();
  give(REQUEST, sizeof REQUEST - 1);
}

static void open_client(void) {
  static const struct p2p_ws_callbacks EVENTS = {on_open, on_text, on_close};
  char response[P2P_UPGRADE_REQUEST_MAX];
  if (p2p_ws_connect(&(struct p2p_ws_request){NULL, "ws://x/", 1000}, &EVENTS, NULL, &ws, NULL) !=
      P2P_OK)
    __builtin_trap();
  tcp.callbacks.on_connect(tcp.arg);
  if (p2p_upgrade_response(KEY, response) != P2P_OK) __builtin_trap();
  give(response, strlen(response));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
  if (length < 2) return 0;
  size_t piece = 1u + bytes[1];
  is_open = is_closed = false;
  tcp = (struct p2p_tcp){.queued = bytes[0] & REFUSES_ANSWERS ? 8 * P2P_WS_MESSAGE_MAX : 0};
  if (bytes[0] % 2 == 0)
    open_server();
  else
    open_client();
  if (!is_open) __builtin_trap();
  for (size_t at = 2; at < length; at += piece)
    give(bytes + at, length - at < piece ? length - at : piece);
  if (!tcp.is_gone) {
    struct p2p_err lost = {P2P_ERR_CLOSED, NULL, "closed"};
    tcp.callbacks.on_close(tcp.arg, &lost);
  }
  if (!is_closed || !tcp.is_gone) __builtin_trap();
  p2p_ws_free(ws);
  deferred->fn(deferred->arg);
  deferred = NULL;
  return 0;
}
