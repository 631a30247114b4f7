/* Frames: `type u8, task u32, length u32, payload`, integers big-endian. The one format
 * of a link (inside transit records) and of the pipe between a supervisor and its
 * evaluators, so that a supervisor passes frames on as they come.
 *
 * TASK, CONDITION and RESULT announce an object of a given size; the DATA frames of
 * the same task that follow carry its bytes, in order, until the size is reached. */
#ifndef P2P_PROTOCOL_FRAME_H
#define P2P_PROTOCOL_FRAME_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

enum p2p_frame_type {
  P2P_FRAME_HELLO = 1,     /* who I am: text, key=value pairs, one a line */
  P2P_FRAME_SLOT = 2,      /* op u8 (enum p2p_slot_op), count u32; task 0 */
  P2P_FRAME_TASK = 3,      /* size u64, then label text; a future to be evaluated */
  P2P_FRAME_DATA = 4,      /* bytes of the object that is open for this task */
  P2P_FRAME_CANCEL = 5,    /* empty: interrupt this task */
  P2P_FRAME_CONDITION = 6, /* size u64; a condition to be seen at once */
  P2P_FRAME_RESULT = 7,    /* size u64; the FutureResult */
  P2P_FRAME_LOST = 8, /* text: why this task will have no result; from an evaluator: what goes after
                       * "The evaluator ..."; of task 0: why the worker ends the link */
  P2P_FRAME_PING = 9, /* empty; task 0 */
  P2P_FRAME_PACKAGES = 10 /* text; task 0. Client: "a;b;c", which of these has the worker? Worker:
                             "a=1.2.3;b=;c=0.9" */
};

enum p2p_slot_op {
  P2P_SLOT_WANT = 1,   /* client: I have work for `count` slots in all (0: for none) */
  P2P_SLOT_GRANT = 2,  /* worker: `count` more slots are yours until you return them */
  P2P_SLOT_RECALL = 3, /* worker: give `count` back as soon as they are idle; others wait */
  P2P_SLOT_RETURN = 4  /* client: `count` slots are no longer mine */
};

#define P2P_FRAME_HEADER_LEN 9
#define P2P_FRAME_PAYLOAD_MAX 65536

struct p2p_frame {
  uint8_t type;
  uint32_t task;
  uint32_t length;
  const uint8_t *payload; /* borrowed from the buffer that it was decoded from */
};

/* Appends one frame. P2P_ERR_TOO_LARGE for more than P2P_FRAME_PAYLOAD_MAX. */
int p2p_frame_put(struct p2p_buf *buf, uint8_t type, uint32_t task, const void *payload,
                  size_t length) P2P_MUST_USE;

/* Looks at the start of `bytes`. Returns the number of bytes of one whole frame (then *frame is
 * filled, payload borrowed), 0 if more bytes are needed, P2P_ERR_PARSE for an unknown type and
 * P2P_ERR_TOO_LARGE for a length beyond the cap; both are known from the header alone. */
long p2p_frame_get(const uint8_t *bytes, size_t length, struct p2p_frame *frame);

/* Big-endian integers in payloads. */
uint32_t p2p_get_u32(const uint8_t *bytes);
uint64_t p2p_get_u64(const uint8_t *bytes);
void p2p_set_u32(uint8_t *bytes, uint32_t value);
void p2p_set_u64(uint8_t *bytes, uint64_t value);

#endif
