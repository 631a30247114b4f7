/* The frames of links and evaluators, and their payloads. A frame that is read is written back byte
 * for byte; so is each payload that its reader accepts. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "protocol/frame.h"
#include "protocol/load.h"
#include "protocol/lost.h"
#include "protocol/resources.h"
#include "protocol/slot.h"
#include "protocol/task_header.h"

static void check_slot(const struct p2p_frame *frame, enum p2p_role sender) {
  struct p2p_slot slot;
  uint8_t out[P2P_SLOT_LEN];
  if (p2p_slot_read(frame->payload, frame->length, sender, &slot) != P2P_OK) return;
  p2p_slot_write(slot.op, slot.count, out);
  if (memcmp(out, frame->payload, sizeof out) != 0) __builtin_trap();
}

static void check_object(const struct p2p_frame *frame) {
  uint64_t size;
  uint8_t out[P2P_SIZE_HEADER_LEN];
  if (p2p_size_header_read(frame->payload, frame->length, &size) != P2P_OK) return;
  p2p_size_header_write(size, out);
  if (memcmp(out, frame->payload, sizeof out) != 0) __builtin_trap();
}

static void check_task(const struct p2p_frame *frame) {
  struct p2p_task_header header, again;
  uint8_t out[P2P_TASK_HEADER_MAX + P2P_TASK_PARTS_LEN_MAX];
  if (p2p_task_header_read(frame->payload, frame->length, &header) != P2P_OK) return;
  size_t length = p2p_task_header_write(header.size, header.label, out);
  length += p2p_task_parts_write(&header.parts, out + length);
  if (p2p_task_header_read(out, length, &again) != P2P_OK || again.size != header.size ||
      strcmp(again.label, header.label) != 0 ||
      memcmp(&again.parts, &header.parts, sizeof again.parts) != 0)
    __builtin_trap();
}

static void check_need(const struct p2p_frame *frame) {
  uint32_t mask;
  uint8_t out[P2P_NEED_LEN];
  if (p2p_need_read(frame->payload, frame->length, P2P_TASK_PARTS_MAX, &mask) != P2P_OK) return;
  p2p_need_write(mask, out);
  if (memcmp(out, frame->payload, sizeof out) != 0) __builtin_trap();
}

static void check_lost(const struct p2p_frame *frame) {
  char why[P2P_LOST_MAX], again[P2P_LOST_MAX];
  uint8_t out[P2P_LOST_MAX];
  enum p2p_lost_kind kind = p2p_lost_read(frame->payload, frame->length, why, sizeof why);
  size_t length = p2p_lost_write(kind, why, out);
  if (length > P2P_LOST_MAX - 1 || p2p_lost_read(out, length, again, sizeof again) != kind)
    __builtin_trap();
  if (strncmp(why, again, strlen(again)) != 0 || strlen(again) + 4 < strlen(why)) __builtin_trap();
}

static void check_load(const struct p2p_frame *frame) {
  struct p2p_load load, again;
  char text[P2P_LOAD_MAX];
  if (p2p_load_read(frame->payload, frame->length, &load) != P2P_OK) return;
  size_t length = p2p_load_write(&load, text);
  if (p2p_load_read(text, length, &again) != P2P_OK || !p2p_load_is_same(&load, &again))
    __builtin_trap();
}

static void check_request(const struct p2p_frame *frame) {
  struct p2p_resources request, again;
  char text[P2P_REQUEST_MAX], words[64];
  if (p2p_request_read(frame->payload, frame->length, &request) != P2P_OK) return;
  p2p_resources_describe(&request, words, sizeof words);
  size_t length = p2p_request_write(&request, text);
  if (p2p_request_read(text, length, &again) != P2P_OK ||
      !p2p_resources_are_same(&request, &again) || !p2p_tags_contain(request.tags, again.tags))
    __builtin_trap();
}

static void check_payload(const struct p2p_frame *frame) {
  check_slot(frame, P2P_ROLE_CLIENT);
  check_slot(frame, P2P_ROLE_WORKER);
  check_object(frame);
  check_task(frame);
  check_need(frame);
  check_lost(frame);
  check_load(frame);
  check_request(frame);
}

static void check_frame(const struct p2p_frame *frame, const uint8_t *bytes, size_t length) {
  struct p2p_buf out;
  p2p_buf_init(&out, P2P_FRAME_HEADER_LEN + P2P_FRAME_PAYLOAD_MAX);
  if (p2p_frame_put(&out, frame->type, frame->task, frame->payload, frame->length) != P2P_OK)
    __builtin_trap();
  if (p2p_buf_len(&out) != length || memcmp(p2p_buf_data(&out), bytes, length) != 0)
    __builtin_trap();
  p2p_buf_clear(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
  while (length > 0) {
    struct p2p_frame frame, same;
    long used = p2p_frame_get(bytes, length, &frame);
    if (used == P2P_ERR_PARSE || used == P2P_ERR_TOO_LARGE) return 0;
    if (used < 0 || (size_t)used > length) __builtin_trap();
    if (used == 0) return 0;
    for (long part = 0; part < used && part < 2 * P2P_FRAME_HEADER_LEN; part++)
      if (p2p_frame_get(bytes, (size_t)part, &same) != 0) __builtin_trap();
    check_frame(&frame, bytes, (size_t)used);
    check_payload(&frame);
    bytes += used;
    length -= (size_t)used;
  }
  return 0;
}
