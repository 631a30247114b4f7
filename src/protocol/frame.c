/* Frames: `type u8, task u32, length u32, payload`. */
#include "protocol/frame.h"

#include <string.h>

#include "base/endian.h"

void p2p_frame_write_header(uint8_t type, uint32_t task, uint32_t length,
                            uint8_t out[static P2P_FRAME_HEADER_LEN]) {
  out[0] = type;
  p2p_set_u32(out + 1, task);
  p2p_set_u32(out + 5, length);
}

int p2p_frame_put(struct p2p_buf *buf, uint8_t type, uint32_t task, const void *payload,
                  size_t length) {
  if (length > P2P_FRAME_PAYLOAD_MAX) return P2P_ERR_TOO_LARGE;
  uint8_t *space;
  int code = p2p_buf_reserve(buf, P2P_FRAME_HEADER_LEN + length, &space);
  if (code != P2P_OK) return code;
  p2p_frame_write_header(type, task, (uint32_t)length, space);
  if (length > 0) memcpy(space + P2P_FRAME_HEADER_LEN, payload, length);
  return P2P_OK;
}

int p2p_frame_read_header(const uint8_t header[static P2P_FRAME_HEADER_LEN],
                          struct p2p_frame *frame) {
  if (header[0] < P2P_FRAME_HELLO || header[0] > P2P_FRAME_REQUEST) return P2P_ERR_PARSE;
  *frame = (struct p2p_frame){
      .type = header[0], .task = p2p_get_u32(header + 1), .length = p2p_get_u32(header + 5)};
  return frame->length > P2P_FRAME_PAYLOAD_MAX ? P2P_ERR_TOO_LARGE : P2P_OK;
}

long p2p_frame_get(const uint8_t *bytes, size_t length, struct p2p_frame *frame) {
  struct p2p_frame read;
  if (length == 0) return 0;
  if (bytes[0] < P2P_FRAME_HELLO || bytes[0] > P2P_FRAME_REQUEST) return P2P_ERR_PARSE;
  if (length < P2P_FRAME_HEADER_LEN) return 0;
  int code = p2p_frame_read_header(bytes, &read);
  if (code != P2P_OK) return code;
  if (length - P2P_FRAME_HEADER_LEN < read.length) return 0;
  *frame = read;
  frame->payload = bytes + P2P_FRAME_HEADER_LEN;
  return P2P_FRAME_HEADER_LEN + (long)read.length;
}
