/* A WebSocket connection: the upgrade, then frames by wslay's event API, which reads from the bytes
 * at hand and writes to a buffer; nothing blocks. The owner may free the connection within any
 * callback: the memory, and the context of wslay whose functions are running, is freed later. */
#include "net/ws.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wslay/wslay.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/encode.h"
#include "crypto/random.h"
#include "net/connect.h"
#include "net/timer.h"
#include "net/upgrade.h"

#define UPGRADE_TIMEOUT_MS 10000
#define LINGER_MS 1000
/* wslay keeps a chunk of memory for each fragment, however short it is. */
#define FRAGMENTS_MAX 1024
/* Pings of a peer that does not read are answered only up to this queue. */
#define PONG_QUEUE_MAX (4 * P2P_WS_MESSAGE_MAX)

enum ws_state {
  WS_CONNECTING, /* client */
  WS_UPGRADING,  /* the head of the request or response is not complete yet */
  WS_OPEN,
  WS_CLOSED /* on_close was called */
};

struct p2p_ws {
  enum ws_state state;
  struct p2p_ws_callbacks callbacks;
  void *arg;
  struct p2p_loop *loop;
  struct p2p_tcp *tcp;     /* NULL after its end */
  struct p2p_timer *timer; /* bounds the upgrade; reports a failure to send */
  uint64_t deadline_ms;    /* client: of the upgrade */
  bool is_freed;
  struct p2p_post release; /* of the memory, after p2p_ws_free */
  bool is_client;
  struct p2p_url url;
  char name[320]; /* the url, or "a WebSocket client at 1.2.3.4:5" */
  char key[P2P_UPGRADE_KEY_LEN + 1];
  struct p2p_buf head;  /* received before the upgrade was complete */
  struct p2p_buf out;   /* written by wslay, to be sent at once */
  const uint8_t *input; /* not read by wslay yet; borrowed */
  size_t input_length;
  unsigned n_fragments;          /* of the message that is being received */
  struct p2p_err fault;          /* code != 0: why the connection is ending */
  wslay_event_context_ptr wslay; /* in state OPEN */
};

/* --- the end --- */

static void destroy(void *arg) {
  struct p2p_ws *ws = arg;
  if (ws->wslay != NULL) wslay_event_context_free(ws->wslay);
  p2p_timer_free(ws->timer);
  p2p_buf_clear(&ws->head);
  p2p_buf_clear(&ws->out);
  free(ws);
}

/* Writes what wslay has queued to the connection, at once. After an error bytes are missing:
 * nothing may follow. */
static int flush(struct p2p_ws *ws) {
  if (wslay_event_send(ws->wslay) != 0) return P2P_ERR_MEMORY;
  size_t length = p2p_buf_len(&ws->out);
  int code = length == 0 ? P2P_OK : p2p_tcp_write(ws->tcp, p2p_buf_data(&ws->out), length);
  p2p_buf_consume(&ws->out, length);
  return code;
}

static void finish_tcp(struct p2p_ws *ws) {
  if (ws->tcp != NULL) p2p_tcp_finish(ws->tcp, LINGER_MS);
  ws->tcp = NULL;
}

void p2p_ws_free(struct p2p_ws *ws) {
  if (ws == NULL) return;
  ws->is_freed = true;
  p2p_timer_stop(ws->timer);
  if (ws->state == WS_OPEN && ws->tcp != NULL && ws->fault.code == 0) {
    wslay_event_shutdown_read(ws->wslay); /* no more messages in this round */
    if (wslay_event_queue_close(ws->wslay, WSLAY_CODE_NORMAL_CLOSURE, NULL, 0) == 0)
      (void)flush(ws);
    finish_tcp(ws);
  }
  p2p_tcp_free(ws->tcp);
  ws->tcp = NULL;
  ws->release = (struct p2p_post){.fn = destroy, .arg = ws};
  p2p_loop_defer(ws->loop, &ws->release);
}

/* The last callback. What was written before is still sent: a refusal, or a close frame with the
 * reason. */
static void end(struct p2p_ws *ws, const struct p2p_err *err) {
  if (ws->is_freed || ws->state == WS_CLOSED) return;
  ws->state = WS_CLOSED;
  p2p_timer_stop(ws->timer);
  finish_tcp(ws);
  struct p2p_err named = *err;
  p2p_err_prefix(&named, "%s", ws->name);
  ws->callbacks.on_close(ws->arg, &named);
}

static void end_with(struct p2p_ws *ws, int code, const char *reason) {
  struct p2p_err err;
  p2p_err_set(&err, code, "%s", reason);
  end(ws, &err);
}

static void on_timer(void *arg) {
  struct p2p_ws *ws = arg;
  if (ws->fault.code != 0)
    end(ws, &ws->fault);
  else
    end_with(ws, P2P_ERR_TIMEOUT, "no WebSocket upgrade in time");
}

/* A message, or a part of one, was not sent: on_close is called soon. */
static int fail_send(struct p2p_ws *ws, int code) {
  if (code != P2P_ERR_MEMORY) return P2P_ERR_CLOSED; /* the connection itself has failed */
  if (ws->fault.code == 0) p2p_err_set(&ws->fault, P2P_ERR_MEMORY, "out of memory");
  p2p_timer_start(ws->timer, 0, 0);
  return P2P_ERR_MEMORY;
}

/* --- callbacks of wslay --- */

static ssize_t on_wslay_read(wslay_event_context_ptr ctx, uint8_t *to, size_t length, int flags,
                             void *arg) {
  (void)flags;
  struct p2p_ws *ws = arg;
  if (ws->input_length == 0) {
    wslay_event_set_error(ctx, WSLAY_ERR_WOULDBLOCK);
    return -1;
  }
  if (length > ws->input_length) length = ws->input_length;
  memcpy(to, ws->input, length);
  ws->input += length;
  ws->input_length -= length;
  return (ssize_t)length;
}

static ssize_t on_wslay_write(wslay_event_context_ptr ctx, const uint8_t *bytes, size_t length,
                              int flags, void *arg) {
  (void)flags;
  struct p2p_ws *ws = arg;
  if (p2p_buf_put(&ws->out, bytes, length) == P2P_OK) return (ssize_t)length;
  wslay_event_set_error(ctx, WSLAY_ERR_CALLBACK_FAILURE);
  return -1;
}

static int on_wslay_mask(wslay_event_context_ptr ctx, uint8_t *to, size_t length, void *arg) {
  (void)ctx;
  (void)arg;
  p2p_random_bytes(to, length);
  return 0;
}

static void set_fault(struct p2p_ws *ws, uint16_t status, int code, const char *why) {
  p2p_err_set(&ws->fault, code, "%s", why);
  wslay_event_queue_close(ws->wslay, status, NULL, 0);
  wslay_event_shutdown_read(ws->wslay);
}

static void on_wslay_frame(wslay_event_context_ptr ctx,
                           const struct wslay_event_on_frame_recv_start_arg *frame, void *arg) {
  (void)ctx;
  struct p2p_ws *ws = arg;
  if (frame->opcode == WSLAY_TEXT_FRAME) ws->n_fragments = 0;
  if (frame->opcode == WSLAY_BINARY_FRAME)
    set_fault(ws, WSLAY_CODE_UNSUPPORTED_DATA, P2P_ERR_PROTOCOL,
              "the other side sent a binary message");
  else if (frame->opcode == WSLAY_CONTINUATION_FRAME && ++ws->n_fragments > FRAGMENTS_MAX)
    set_fault(ws, WSLAY_CODE_POLICY_VIOLATION, P2P_ERR_TOO_LARGE,
              "the other side sent a message in too many fragments");
  else if (frame->opcode == WSLAY_PING && p2p_ws_queued(ws) > PONG_QUEUE_MAX)
    set_fault(ws, WSLAY_CODE_POLICY_VIOLATION, P2P_ERR_PROTOCOL,
              "the other side sends pings but does not read the replies");
}

static void on_wslay_message(wslay_event_context_ptr ctx,
                             const struct wslay_event_on_msg_recv_arg *message, void *arg) {
  (void)ctx;
  struct p2p_ws *ws = arg;
  if (message->opcode != WSLAY_TEXT_FRAME || ws->is_freed || ws->fault.code != 0) return;
  ws->callbacks.on_text(ws->arg, message->msg == NULL ? "" : (const char *)message->msg,
                        message->msg_length);
}

static int start_wslay(struct p2p_ws *ws) {
  static const struct wslay_event_callbacks callbacks = {.recv_callback = on_wslay_read,
                                                         .send_callback = on_wslay_write,
                                                         .genmask_callback = on_wslay_mask,
                                                         .on_frame_recv_start_callback =
                                                             on_wslay_frame,
                                                         .on_msg_recv_callback = on_wslay_message};
  int bad = ws->is_client ? wslay_event_context_client_init(&ws->wslay, &callbacks, ws)
                          : wslay_event_context_server_init(&ws->wslay, &callbacks, ws);
  if (bad != 0) return P2P_ERR_MEMORY;
  wslay_event_config_set_max_recv_msg_length(ws->wslay, P2P_WS_MESSAGE_MAX);
  return P2P_OK;
}

/* --- input --- */

/* wslay has stopped reading: after a close frame, or after an error. */
static void end_as_wslay(struct p2p_ws *ws) {
  if (ws->fault.code != 0)
    end(ws, &ws->fault);
  else if (wslay_event_get_close_received(ws->wslay))
    end_with(ws, P2P_ERR_CLOSED, "the other side closed the WebSocket");
  else if (wslay_event_get_status_code_sent(ws->wslay) == WSLAY_CODE_MESSAGE_TOO_BIG)
    end_with(ws, P2P_ERR_TOO_LARGE, "the other side sent a message of more than 1 MiB");
  else
    end_with(ws, P2P_ERR_PROTOCOL, "the other side violated the WebSocket protocol");
}

static void read_frames(struct p2p_ws *ws, const uint8_t *bytes, size_t length) {
  ws->input = bytes;
  ws->input_length = length;
  int bad = wslay_event_recv(ws->wslay);
  if (ws->is_freed || ws->state != WS_OPEN) return;
  if (bad == WSLAY_ERR_NOMEM || flush(ws) == P2P_ERR_MEMORY)
    end_with(ws, P2P_ERR_MEMORY, "out of memory");
  else if (!wslay_event_get_read_enabled(ws->wslay))
    end_as_wslay(ws);
}

static int check_head(struct p2p_ws *ws, size_t length, struct p2p_err *err) {
  const uint8_t *head = p2p_buf_data(&ws->head);
  return ws->is_client ? p2p_upgrade_check_response(head, length, ws->key, err)
                       : p2p_upgrade_check_request(head, length, ws->key, err);
}

static void refuse(struct p2p_ws *ws, const struct p2p_err *err) {
  if (!ws->is_client)
    (void)p2p_tcp_write(ws->tcp, p2p_upgrade_refusal, strlen(p2p_upgrade_refusal));
  end(ws, err);
}

static void open_ws(struct p2p_ws *ws) {
  if (start_wslay(ws) != P2P_OK) {
    end_with(ws, P2P_ERR_MEMORY, "out of memory");
    return;
  }
  if (!ws->is_client) {
    char response[P2P_UPGRADE_REQUEST_MAX];
    if (p2p_upgrade_response(ws->key, response) != P2P_OK) {
      end_with(ws, P2P_ERR_CRYPTO, "SHA-1 is not available");
      return;
    }
    (void)p2p_tcp_write(ws->tcp, response, strlen(response)); /* on_close reports a failure */
  }
  p2p_timer_stop(ws->timer);
  ws->state = WS_OPEN;
  ws->callbacks.on_open(ws->arg);
}

static void read_head(struct p2p_ws *ws, const uint8_t *bytes, size_t length) {
  struct p2p_err err;
  if (p2p_buf_put(&ws->head, bytes, length) != P2P_OK) {
    end_with(ws, P2P_ERR_MEMORY, "out of memory");
    return;
  }
  long head_length = p2p_upgrade_head_length(p2p_buf_data(&ws->head), p2p_buf_len(&ws->head));
  if (head_length == 0) return;
  int code = head_length > 0
                 ? check_head(ws, (size_t)head_length, &err)
                 : p2p_err_set(&err, P2P_ERR_TOO_LARGE, "the HTTP header is longer than %d bytes",
                               P2P_UPGRADE_HEAD_MAX);
  if (code != P2P_OK) {
    refuse(ws, &err);
    return;
  }
  open_ws(ws);
  if (ws->is_freed || ws->state != WS_OPEN) return;
  /* The first frames may follow the head. */
  p2p_buf_consume(&ws->head, (size_t)head_length);
  if (p2p_buf_len(&ws->head) > 0) read_frames(ws, p2p_buf_data(&ws->head), p2p_buf_len(&ws->head));
  p2p_buf_clear(&ws->head);
}

static void on_tcp_data(void *arg, const uint8_t *bytes, size_t length) {
  struct p2p_ws *ws = arg;
  (ws->state == WS_UPGRADING ? read_head : read_frames)(ws, bytes, length);
}

static void on_tcp_close(void *arg, const struct p2p_err *err) {
  struct p2p_ws *ws = arg;
  p2p_tcp_free(ws->tcp);
  ws->tcp = NULL;
  if (ws->state == WS_UPGRADING && err->code == P2P_ERR_CLOSED)
    end_with(ws, P2P_ERR_PROTOCOL, "the other side closed without a WebSocket upgrade");
  else
    end(ws, err);
}

/* --- the start --- */

static void on_tcp_connect(void *arg) {
  struct p2p_ws *ws = arg;
  char request[P2P_UPGRADE_REQUEST_MAX];
  ws->state = WS_UPGRADING;
  p2p_upgrade_request(&ws->url, ws->key, request);
  (void)p2p_tcp_write(ws->tcp, request, strlen(request)); /* on_close reports a failure */
  uint64_t now_ms = p2p_clock_ms();
  p2p_timer_start(ws->timer, ws->deadline_ms > now_ms ? ws->deadline_ms - now_ms : 0, 0);
}

static const struct p2p_tcp_callbacks tcp_callbacks = {
    .on_connect = on_tcp_connect, .on_data = on_tcp_data, .on_close = on_tcp_close};

static struct p2p_ws *ws_new(struct p2p_loop *loop, const struct p2p_ws_callbacks *callbacks,
                             void *arg) {
  struct p2p_ws *ws = calloc(1, sizeof *ws);
  if (ws == NULL) return NULL;
  ws->timer = p2p_timer_new(loop, on_timer, ws);
  if (ws->timer == NULL) {
    free(ws);
    return NULL;
  }
  ws->loop = loop;
  ws->callbacks = *callbacks;
  ws->arg = arg;
  p2p_buf_init(&ws->head, P2P_UPGRADE_HEAD_MAX + 65536); /* one read may bring frames, too */
  p2p_buf_init(&ws->out, SIZE_MAX / 4);                  /* the sender bounds what it sends */
  return ws;
}

int p2p_ws_connect(const struct p2p_ws_request *request, const struct p2p_ws_callbacks *callbacks,
                   void *arg, struct p2p_ws **out, struct p2p_err *err) {
  struct p2p_url url;
  int code = p2p_url_parse(request->url, &url, err);
  if (code != P2P_OK) return code;
  struct p2p_ws *ws = ws_new(request->loop, callbacks, arg);
  if (ws == NULL) return p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
  uint8_t nonce[P2P_UPGRADE_NONCE_LEN];
  ws->url = url;
  ws->is_client = true;
  ws->deadline_ms = p2p_clock_ms() + request->timeout_ms;
  snprintf(ws->name, sizeof ws->name, "%s", request->url);
  p2p_random_bytes(nonce, sizeof nonce);
  p2p_base64_encode(nonce, sizeof nonce, ws->key);
  const struct p2p_connect_request connect = {.loop = request->loop,
                                              .host = url.host,
                                              .port = url.port,
                                              .timeout_ms = request->timeout_ms,
                                              .use_proxy = true};
  code = p2p_tcp_connect(&connect, &tcp_callbacks, ws, &ws->tcp, err);
  if (code == P2P_OK)
    *out = ws;
  else
    destroy(ws);
  return code;
}

int p2p_ws_accept(struct p2p_loop *loop, struct p2p_tcp *tcp,
                  const struct p2p_ws_callbacks *callbacks, void *arg, struct p2p_ws **out,
                  struct p2p_err *err) {
  struct p2p_ws *ws = ws_new(loop, callbacks, arg);
  if (ws == NULL) return p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
  char peer[64];
  bool known = p2p_tcp_peer_name(tcp, peer, sizeof peer) == P2P_OK;
  snprintf(ws->name, sizeof ws->name, "WebSocket client at %s",
           known ? peer : "an unknown address");
  ws->state = WS_UPGRADING;
  int code = p2p_tcp_attach(tcp, &tcp_callbacks, ws);
  if (code != P2P_OK) {
    destroy(ws);
    return p2p_err_set(err, code, "the connection has ended");
  }
  ws->tcp = tcp;
  p2p_timer_start(ws->timer, UPGRADE_TIMEOUT_MS, 0);
  *out = ws;
  return P2P_OK;
}

/* --- output --- */

int p2p_ws_send(struct p2p_ws *ws, const char *text, size_t length) {
  if (ws->state != WS_OPEN || ws->tcp == NULL || ws->fault.code != 0) return P2P_ERR_CLOSED;
  if (length > P2P_WS_MESSAGE_MAX) return P2P_ERR_TOO_LARGE;
  struct wslay_event_msg message = {
      .opcode = WSLAY_TEXT_FRAME, .msg = (const uint8_t *)text, .msg_length = length};
  int bad = wslay_event_queue_msg(ws->wslay, &message);
  if (bad != 0) return fail_send(ws, bad == WSLAY_ERR_NOMEM ? P2P_ERR_MEMORY : P2P_ERR_CLOSED);
  int code = flush(ws);
  return code == P2P_OK ? P2P_OK : fail_send(ws, code);
}

size_t p2p_ws_queued(const struct p2p_ws *ws) {
  size_t queued = ws->tcp == NULL ? 0 : p2p_tcp_queued(ws->tcp);
  return ws->wslay == NULL ? queued : queued + wslay_event_get_queued_msg_length(ws->wslay);
}
