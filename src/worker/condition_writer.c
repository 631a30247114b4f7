/* Sends conditions: what is long goes in DATA frames. */
#include "worker/condition_writer.h"

#include "protocol/task_header.h"

int p2p_condition_writer_send(struct p2p_evaluator_channel *channel, uint32_t task,
                              const struct p2p_blob *object) {
  uint8_t header[P2P_SIZE_HEADER_LEN];
  const uint8_t *bytes;
  size_t length;
  p2p_size_header_write(p2p_blob_size(object), header);
  int code = p2p_evaluator_channel_send(channel, P2P_FRAME_CONDITION, task, header, sizeof header);
  for (uint64_t offset = 0; code == P2P_OK && (length = p2p_blob_span(object, offset, &bytes)) > 0;
       offset += length) {
    if (length > P2P_FRAME_PAYLOAD_MAX) length = P2P_FRAME_PAYLOAD_MAX;
    code = p2p_evaluator_channel_send(channel, P2P_FRAME_DATA, task, bytes, length);
  }
  return code;
}
