/* Frames: type u8, task u32, length u32, payload; integers are big-endian. Links (inside transit
 * records) and the socket between a supervisor and an evaluator use the same format, so that a
 * supervisor forwards frames unchanged. Layout of each payload: docs/protocol.md, "Frames". Pure.
 */
#ifndef P2P_PROTOCOL_FRAME_H
#define P2P_PROTOCOL_FRAME_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

enum p2p_frame_type {
  P2P_FRAME_HELLO = 1,     /* who the sender is: protocol/hello.h; task 0 */
  P2P_FRAME_SLOT = 2,      /* slots: protocol/slot.h; task 0 */
  P2P_FRAME_TASK = 3,      /* announces a future to evaluate: protocol/task_header.h */
  P2P_FRAME_DATA = 4,      /* the next bytes of the object that was announced for this task */
  P2P_FRAME_CANCEL = 5,    /* empty: interrupt this task */
  P2P_FRAME_CONDITION = 6, /* announces a condition to signal at once: protocol/task_header.h */
  P2P_FRAME_RESULT = 7,    /* announces the FutureResult: protocol/task_header.h */
  P2P_FRAME_LOST = 8,      /* why this task has no result; task 0: why the link ends: lost.h */
  P2P_FRAME_PING = 9,      /* empty; task 0 */
  P2P_FRAME_PACKAGES = 10, /* which packages the worker has: protocol/package_list.h; task 0 */
  P2P_FRAME_LOAD = 11,     /* the slots of a worker's other clients: protocol/load.h; task 0 */
  P2P_FRAME_NEED = 12,     /* which parts of this task are missing: protocol/task_parts.h */
  P2P_FRAME_REQUEST = 13   /* what the next TASK of this number needs: protocol/resources.h */
};

#define P2P_FRAME_HEADER_LEN 9
#define P2P_FRAME_PAYLOAD_MAX 65536

struct p2p_frame {
  uint8_t type;
  uint32_t task;
  uint32_t length;
  const uint8_t *payload; /* borrowed from the buffer that it was read from */
};

void p2p_frame_write_header(uint8_t type, uint32_t task, uint32_t length,
                            uint8_t out[static P2P_FRAME_HEADER_LEN]);

/* Appends one frame. P2P_ERR_TOO_LARGE for a payload of more than P2P_FRAME_PAYLOAD_MAX bytes, or
 * when `buf` is full. A failed call changes nothing. */
int p2p_frame_put(struct p2p_buf *buf, uint8_t type, uint32_t task, const void *payload,
                  size_t length) P2P_MUST_USE;

/* Reads the header of a frame, but for *frame's payload. P2P_ERR_PARSE for an unknown type,
 * P2P_ERR_TOO_LARGE for a payload beyond the cap. */
int p2p_frame_read_header(const uint8_t header[static P2P_FRAME_HEADER_LEN],
                          struct p2p_frame *frame) P2P_MUST_USE;

/* Reads the frame at the start of `bytes`. Returns its length when it is whole (*frame is then
 * set), 0 when more bytes are needed, P2P_ERR_PARSE for an unknown type and P2P_ERR_TOO_LARGE for a
 * payload beyond the cap. The header alone is enough for either error. */
long p2p_frame_get(const uint8_t *bytes, size_t length, struct p2p_frame *frame);

#endif
