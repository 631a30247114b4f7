/* From a connection to a proxy to one through it. The answer is read byte by byte, so that what
 * follows it is left for whoever gets the connection, or its descriptor. */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "net/proxy.h"
#include "net/tcp_private.h"

struct p2p_tunnel {
  size_t length;
  char byte;
  char request[P2P_PROXY_REQUEST_MAX];
  uint8_t head[P2P_PROXY_HEAD_MAX];
};

struct p2p_tunnel *p2p_tunnel_new(const struct p2p_proxy *proxy, const char *host, uint16_t port) {
  struct p2p_tunnel *tunnel = calloc(1, sizeof *tunnel);
  if (tunnel != NULL) p2p_proxy_request(proxy, host, port, tunnel->request);
  return tunnel;
}

static void fail(struct p2p_tcp *tcp, int code, const char *why) {
  uv_read_stop((uv_stream_t *)&tcp->socket->uv);
  p2p_err_set(&tcp->failure, code, "Cannot connect to %s: %s", tcp->name, why);
  p2p_connect_next(tcp);
}

static void give_byte(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer) {
  (void)suggested;
  struct p2p_socket *socket = handle->data;
  *buffer = socket->tcp == NULL || socket->tcp->tunnel == NULL
                ? uv_buf_init(NULL, 0)
                : uv_buf_init(&socket->tcp->tunnel->byte, 1);
}

static void on_byte(uv_stream_t *stream, ssize_t n, const uv_buf_t *buffer) {
  (void)buffer;
  struct p2p_socket *socket = stream->data;
  struct p2p_tcp *tcp = socket->tcp;
  struct p2p_err err;
  if (tcp == NULL || tcp->tunnel == NULL || n == 0) return;
  struct p2p_tunnel *tunnel = tcp->tunnel;
  if (n < 0) {
    fail(tcp, P2P_ERR_NETWORK,
         n == UV_EOF ? "the proxy closed the connection" : uv_strerror((int)n));
    return;
  }
  tunnel->head[tunnel->length++] = (uint8_t)tunnel->byte;
  bool is_whole =
      tunnel->length >= 4 && memcmp(tunnel->head + tunnel->length - 4, "\r\n\r\n", 4) == 0;
  if (!is_whole && tunnel->length == sizeof tunnel->head) {
    fail(tcp, P2P_ERR_PROTOCOL, "the proxy answers with too long a header");
  } else if (is_whole && p2p_proxy_check_answer(tunnel->head, tunnel->length, &err) != P2P_OK) {
    fail(tcp, err.code, err.message);
  } else if (is_whole) {
    uv_read_stop(stream);
    p2p_connect_done(tcp);
  }
}

/* The request fits into any socket's empty buffer. */
void p2p_tunnel_begin(struct p2p_tcp *tcp) {
  uv_stream_t *stream = (uv_stream_t *)&tcp->socket->uv;
  size_t length = strlen(tcp->tunnel->request);
  uv_buf_t request = uv_buf_init(tcp->tunnel->request, (unsigned)length);
  tcp->tunnel->length = 0;
  if (uv_try_write(stream, &request, 1) != (int)length ||
      uv_read_start(stream, give_byte, on_byte) != 0)
    fail(tcp, P2P_ERR_NETWORK, "the proxy takes no request");
}

void p2p_tunnel_free(struct p2p_tunnel *tunnel) {
  if (tunnel == NULL) return;
  p2p_wipe(tunnel, sizeof *tunnel);
  free(tunnel);
}
