/* A file on its way over a transit connection. */
#include "transfer/stream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "net/tcp.h"
#include "transfer/receipt.h"
#include "transfer/receiver.h"
#include "transfer/sender.h"
#include "wormhole/record.h"

#define LINGER_MS 1000
#define EARLY_MAX (P2P_RECORD_OVERHEAD + P2P_RECEIPT_MAX)

struct p2p_stream {
  struct p2p_loop *loop;
  struct p2p_stream_callbacks callbacks;
  void *arg;
  bool is_sender, is_connecting;
  struct p2p_transit_key key;
  struct p2p_transit *transit; /* until there is a connection */
  struct p2p_tcp *tcp;         /* sender: connected, but the file is not accepted yet */
  char route[P2P_CANDIDATE_PATH_MAX];
  uint8_t early[EARLY_MAX]; /* bytes that arrived on `tcp` */
  size_t early_length;
  struct p2p_input_file *input;   /* sender: once the file is accepted */
  struct p2p_output_file *output; /* receiver */
  uint64_t size_bytes;
  struct p2p_sender *sender;
  struct p2p_receiver *receiver;
  uint64_t last_moved; /* for p2p_stream_has_stalled: bytes at the last call */
  int n_stalls;        /* in a row */
};

static void destroy(struct p2p_stream *stream) {
  struct p2p_stream_callbacks callbacks = stream->callbacks;
  void *arg = stream->arg;

  p2p_wipe(stream, sizeof *stream);
  free(stream);
  callbacks.on_gone(arg);
}

static void end(struct p2p_stream *stream, const struct p2p_err *err) {
  stream->callbacks.on_end(stream->arg, err);
}

/* ---- the stream ---- */

static void on_progress(void *arg, uint64_t moved_bytes) {
  struct p2p_stream *stream = arg;
  stream->callbacks.on_progress(stream->arg, moved_bytes);
}

static void on_stream_end(void *arg, const struct p2p_err *err) { end(arg, err); }

static void on_stream_gone(void *arg) { destroy(arg); }

static void start_receiver(struct p2p_stream *stream, struct p2p_tcp *tcp, const uint8_t *rest,
                           size_t rest_length) {
  static const struct p2p_receiver_callbacks EVENTS = {on_progress, on_stream_end, on_stream_gone};
  struct p2p_receiver_config config = {.loop = stream->loop,
                                       .tcp = tcp,
                                       .key = &stream->key,
                                       .output = stream->output,
                                       .size_bytes = stream->size_bytes,
                                       .rest = rest,
                                       .rest_length = rest_length};
  struct p2p_err err;

  stream->callbacks.on_start(stream->arg, stream->route);
  if (p2p_receiver_new(&config, &EVENTS, stream, &stream->receiver, &err) != P2P_OK)
    end(stream, &err);
}

static void start_sender(struct p2p_stream *stream) {
  static const struct p2p_sender_callbacks EVENTS = {on_progress, on_stream_end, on_stream_gone};
  struct p2p_sender_config config = {.loop = stream->loop,
                                     .tcp = stream->tcp,
                                     .key = &stream->key,
                                     .input = stream->input,
                                     .rest = stream->early,
                                     .rest_length = stream->early_length};
  struct p2p_err err;

  stream->tcp = NULL;
  stream->callbacks.on_start(stream->arg, stream->route);
  if (p2p_sender_new(&config, &EVENTS, stream, &stream->sender, &err) != P2P_OK) end(stream, &err);
}

/* ---- the connection ---- */

/* The receipt of an empty file may arrive before its acceptance, which comes through the mailbox.
 */
static void on_early_data(void *arg, const uint8_t *bytes, size_t length) {
  struct p2p_stream *stream = arg;
  struct p2p_err err;

  if (length <= sizeof stream->early - stream->early_length) {
    memcpy(stream->early + stream->early_length, bytes, length);
    stream->early_length += length;
    return;
  }
  p2p_err_set(&err, P2P_ERR_PROTOCOL, "the receiver sent data before the file was sent");
  end(arg, &err);
}

/* If a receipt has arrived, the end of the connection does not matter. */
static void on_early_close(void *arg, const struct p2p_err *err) {
  struct p2p_stream *stream = arg;

  if (stream->early_length == 0) end(stream, err);
}

/* The sender may be connected before the receiver has accepted the file. */
static void on_connected(void *arg, struct p2p_tcp *tcp, const char *path, const uint8_t *rest,
                         size_t rest_length) {
  static const struct p2p_tcp_callbacks EARLY = {NULL, on_early_data, NULL, on_early_close};
  struct p2p_stream *stream = arg;

  snprintf(stream->route, sizeof stream->route, "%s", path);
  p2p_transit_free(stream->transit);
  stream->transit = NULL;
  if (!stream->is_sender) {
    start_receiver(stream, tcp, rest, rest_length);
    return;
  }
  stream->tcp = tcp;
  /* If the connection has ended already, the next read or write reports it. */
  (void)p2p_tcp_attach(tcp, &EARLY, stream);
  if (rest_length > sizeof stream->early) {
    on_early_data(stream, rest, rest_length);
    return;
  }
  if (rest_length > 0) memcpy(stream->early, rest, rest_length);
  stream->early_length = rest_length;
  if (stream->input != NULL) start_sender(stream);
}

static void on_transit_fail(void *arg, const struct p2p_err *err) { end(arg, err); }

/* ---- calls of the owner ---- */

int p2p_stream_new(const struct p2p_transit_config *config,
                   const struct p2p_stream_callbacks *callbacks, void *arg, struct p2p_stream **out,
                   struct p2p_err *err) {
  static const struct p2p_transit_callbacks EVENTS = {on_connected, on_transit_fail};
  struct p2p_stream *stream = calloc(1, sizeof *stream);

  if (stream == NULL) return p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
  stream->loop = config->loop;
  stream->callbacks = *callbacks;
  stream->arg = arg;
  stream->is_sender = config->is_sender;
  stream->key = *config->key;
  int code = p2p_transit_new(config, &EVENTS, stream, &stream->transit, err);
  if (code == P2P_OK)
    *out = stream;
  else
    free(stream);
  return code;
}

void p2p_stream_hints(const struct p2p_stream *stream, struct p2p_hints *out) {
  p2p_transit_hints(stream->transit, out);
}

void p2p_stream_send(struct p2p_stream *stream, struct p2p_input_file *input) {
  stream->input = input;
  if (stream->tcp != NULL) start_sender(stream);
}

void p2p_stream_receive(struct p2p_stream *stream, struct p2p_output_file *output,
                        uint64_t size_bytes) {
  stream->output = output;
  stream->size_bytes = size_bytes;
}

int p2p_stream_connect(struct p2p_stream *stream, const struct p2p_hints *peer_hints,
                       struct p2p_err *err) {
  stream->is_connecting = true;
  if (stream->transit == NULL) return P2P_OK; /* the peer has connected to us */
  return p2p_transit_race(stream->transit, peer_hints, err);
}

bool p2p_stream_time_out(const struct p2p_stream *stream, const char *peer, double seconds,
                         struct p2p_err *err) {
  if (!stream->is_connecting || stream->transit == NULL) return false;
  p2p_transit_time_out(stream->transit, peer, seconds, err);
  return true;
}

bool p2p_stream_has_stalled(struct p2p_stream *stream) {
  bool is_all = false;
  uint64_t moved = stream->sender != NULL ? p2p_sender_written(stream->sender, &is_all)
                                          : p2p_receiver_arrived(stream->receiver);
  bool is_stall = moved - stream->last_moved < P2P_STREAM_STALL_BYTES;

  stream->last_moved = moved;
  stream->n_stalls = is_stall ? stream->n_stalls + 1 : 0;
  return stream->n_stalls >= (is_all ? P2P_STREAM_RECEIPT_STALLS : 1);
}

void p2p_stream_free(struct p2p_stream *stream) {
  if (stream == NULL) return;
  p2p_transit_free(stream->transit);
  stream->transit = NULL;
  if (stream->tcp != NULL) p2p_tcp_finish(stream->tcp, LINGER_MS);
  if (stream->sender != NULL)
    p2p_sender_free(stream->sender);
  else if (stream->receiver != NULL)
    p2p_receiver_free(stream->receiver);
  else
    destroy(stream);
}
