/* WebSocket frames into a server's end: an upgrade, then the input, over a socket pair of loopback on one loop, which runs until the
 * connection is done with it. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/random.h"
#include "fuzz.h"
#include "net/ws.h"

static struct p2p_loop *loop;
static struct p2p_listener *listener;
static struct p2p_ws *server;
static struct p2p_tcp *client;
static const uint8_t *input;
static size_t input_length;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t over = PTHREAD_COND_INITIALIZER;
static int is_over;

static void on_open(void *arg) { (void)arg; }

static void on_text(void *arg, const char *text, size_t length) {
  (void)arg;
  if (length > P2P_WS_MESSAGE_MAX) __builtin_trap();
  (void)p2p_ws_send(server, text, length);
}

static void on_close(void *arg, const struct p2p_err *err) {
  (void)arg;
  (void)err;
  p2p_ws_free(server);
  server = NULL;
  p2p_tcp_free(client);
  client = NULL;
  pthread_mutex_lock(&lock);
  is_over = 1;
  pthread_cond_signal(&over);
  pthread_mutex_unlock(&lock);
}

static void on_accept(void *arg, struct p2p_tcp *tcp) {
  static const struct p2p_ws_events EVENTS = { on_open, on_text, on_close };
  (void)arg;
  if (p2p_ws_accept(loop, tcp, &EVENTS, NULL, &server, NULL) != P2P_OK) __builtin_trap();
}

static void on_connect(void *arg) {
  static const char request[] = "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
  (void)arg;
  (void)p2p_tcp_write(client, request, sizeof request - 1);
  (void)p2p_tcp_write(client, input, input_length);
  p2p_tcp_finish(client, 1000);
  client = NULL;
}

static void begin(void *arg) {
  static const struct p2p_tcp_events EVENTS = { .on_connect = on_connect };
  (void)arg;
  if (p2p_tcp_connect(loop, "127.0.0.1", p2p_listener_port(listener), 5000, &EVENTS, NULL, &client, NULL) != P2P_OK) __builtin_trap();
}

static void begin_listening(void *arg) {
  (void)arg;
  if (p2p_listener_new(loop, "127.0.0.1", 0, on_accept, NULL, &listener, NULL) != P2P_OK) __builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
  if (loop == NULL) {
    if (p2p_loop_start(&loop, NULL) != P2P_OK) __builtin_trap();
    p2p_loop_call(loop, begin_listening, NULL);
  }
  input = bytes;
  input_length = length;
  is_over = 0;
  p2p_loop_call(loop, begin, NULL);
  pthread_mutex_lock(&lock);
  while (!is_over) pthread_cond_wait(&over, &lock);
  pthread_mutex_unlock(&lock);
  return 0;
}
