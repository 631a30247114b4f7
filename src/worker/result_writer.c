/* The bytes of a result, counted, then sent. */
#include "worker/result_writer.h"

#include <string.h>

#define DIRECT_BYTES 16384 /* what is at least as long is not copied */

void p2p_result_writer_init(struct p2p_result_writer *writer, struct p2p_evaluator_channel *channel,
                            uint32_t task) {
  writer->channel = channel;
  writer->task = task;
  writer->is_sending = false;
  writer->size = writer->sent = writer->kept = 0;
}

static int count(struct p2p_result_writer *writer, const void *bytes, size_t length) {
  if (length <= sizeof writer->buffer && writer->size <= sizeof writer->buffer - length)
    memcpy(writer->buffer + writer->size, bytes, length);
  writer->size += length;
  return P2P_OK;
}

static int send(struct p2p_result_writer *writer, const uint8_t *bytes, size_t length) {
  int code = P2P_OK;
  for (size_t n; code == P2P_OK && length > 0; bytes += n, length -= n) {
    n = length < P2P_FRAME_PAYLOAD_MAX ? length : P2P_FRAME_PAYLOAD_MAX;
    code = p2p_evaluator_channel_send(writer->channel, P2P_FRAME_DATA, writer->task, bytes, n);
  }
  return code;
}

static int flush(struct p2p_result_writer *writer) {
  size_t length = writer->kept;
  writer->kept = 0;
  return send(writer, writer->buffer, length);
}

int p2p_result_writer_put(struct p2p_result_writer *writer, const void *bytes, size_t length) {
  int code = P2P_OK;
  if (!writer->is_sending) return count(writer, bytes, length);
  if (length > writer->size - writer->sent) return P2P_ERR_INVALID;
  writer->sent += length;
  bool is_direct = length >= DIRECT_BYTES;
  if (is_direct || length > sizeof writer->buffer - writer->kept) code = flush(writer);
  if (is_direct) return code == P2P_OK ? send(writer, bytes, length) : code;
  memcpy(writer->buffer + writer->kept, bytes, length);
  writer->kept += length;
  return code;
}

int p2p_result_writer_end(struct p2p_result_writer *writer, bool *again) {
  *again = !writer->is_sending && writer->size > sizeof writer->buffer;
  if (writer->is_sending) return writer->sent == writer->size ? flush(writer) : P2P_ERR_INVALID;
  writer->is_sending = true;
  if (!*again)
    return p2p_evaluator_channel_send_result(writer->channel, writer->task, writer->size,
                                             writer->buffer, (size_t)writer->size);
  return p2p_evaluator_channel_send_result(writer->channel, writer->task, writer->size, NULL, 0);
}
