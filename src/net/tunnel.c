/* A CONNECT request and its response. */
#include "net/tunnel.h"

#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "base/buf.h"

struct p2p_tunnel {
  uv_stream_t *stream; /* NULL unless started */
  void *stream_data;   /* the owner's, while we use the field */
  void (*on_end)(void *arg, const struct p2p_err *err);
  void *arg;
  size_t length; /* of the response */
  char byte;
  char request[P2P_PROXY_REQUEST_MAX];
  uint8_t response[P2P_PROXY_HEAD_MAX];
};

struct p2p_tunnel *p2p_tunnel_new(const struct p2p_proxy *proxy, const char *host, uint16_t port) {
  struct p2p_tunnel *tunnel = calloc(1, sizeof *tunnel);
  if (tunnel != NULL) p2p_proxy_request(proxy, host, port, tunnel->request);
  return tunnel;
}

void p2p_tunnel_stop(struct p2p_tunnel *tunnel) {
  if (tunnel->stream == NULL) return;
  uv_read_stop(tunnel->stream);
  tunnel->stream->data = tunnel->stream_data;
  tunnel->stream = NULL;
}

static void end(struct p2p_tunnel *tunnel, const struct p2p_err *err) {
  p2p_tunnel_stop(tunnel);
  tunnel->on_end(tunnel->arg, err);
}

static void fail(struct p2p_tunnel *tunnel, int code, const char *reason) {
  struct p2p_err err;
  p2p_err_set(&err, code, "%s", reason);
  end(tunnel, &err);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer) {
  struct p2p_tunnel *tunnel = handle->data;
  (void)suggested;
  *buffer = uv_buf_init(&tunnel->byte, 1);
}

static void on_byte(uv_stream_t *stream, ssize_t n, const uv_buf_t *buffer) {
  struct p2p_tunnel *tunnel = stream->data;
  struct p2p_err err;
  (void)buffer;
  if (n == 0) return;
  if (n < 0) {
    fail(tunnel, P2P_ERR_NETWORK,
         n == UV_EOF ? "the proxy closed the connection" : uv_strerror((int)n));
    return;
  }
  tunnel->response[tunnel->length++] = (uint8_t)tunnel->byte;
  bool is_complete =
      tunnel->length >= 4 && memcmp(tunnel->response + tunnel->length - 4, "\r\n\r\n", 4) == 0;
  if (is_complete)
    end(tunnel,
        p2p_proxy_check_response(tunnel->response, tunnel->length, &err) == P2P_OK ? NULL : &err);
  else if (tunnel->length == sizeof tunnel->response)
    fail(tunnel, P2P_ERR_PROTOCOL, "the proxy sent too long a header");
}

/* The request fits into the empty buffer of any socket. */
void p2p_tunnel_start(struct p2p_tunnel *tunnel, uv_stream_t *stream,
                      void (*on_end)(void *arg, const struct p2p_err *err), void *arg) {
  size_t length = strlen(tunnel->request);
  uv_buf_t request = uv_buf_init(tunnel->request, (unsigned)length);
  tunnel->stream = stream;
  tunnel->stream_data = stream->data;
  tunnel->on_end = on_end;
  tunnel->arg = arg;
  tunnel->length = 0;
  stream->data = tunnel;
  if (uv_try_write(stream, &request, 1) != (int)length ||
      uv_read_start(stream, on_alloc, on_byte) != 0)
    fail(tunnel, P2P_ERR_NETWORK, "the proxy does not take the request");
}

void p2p_tunnel_free(struct p2p_tunnel *tunnel) {
  if (tunnel == NULL) return;
  p2p_tunnel_stop(tunnel);
  p2p_wipe(tunnel, sizeof *tunnel); /* the password */
  free(tunnel);
}
