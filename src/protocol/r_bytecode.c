/* Byte code in a serialized R object ("R Internals", section 1.8). R reads an index of a shared
 * cell without a check of its bounds. The frames of byte code know where the states of its cells
 * are (of.dim_at) and how many there are (length). */
#include "protocol/r_bytecode.h"

#include "protocol/r_attributes.h"
#include "protocol/r_types.h"

enum state { UNDEFINED, BEGUN, DEFINED };

static p2p_r_step cells_step;

static bool is_cell(int32_t type) {
  return type == P2P_R_CALL || type == P2P_R_PAIRS || type == P2P_R_ATTRIBUTED_CALL ||
         type == P2P_R_ATTRIBUTED_PAIRS;
}

/* The state of the cell with this index; NULL: no such cell. */
static uint8_t *state_of(struct p2p_r_stream *in, const struct p2p_r_frame *frame, int32_t index) {
  if (index < 0 || (uint64_t)index >= frame->length) return NULL;
  return (uint8_t *)in->cells.items + frame->of.dim_at + index;
}

static int undefined(struct p2p_r_stream *in) {
  return p2p_r_stream_malformed(in, "byte code refers to a cell that is not defined");
}

/* Adds a frame within that of `parent`. */
static int push(struct p2p_r_stream *in, const struct p2p_r_frame *parent, p2p_r_step *step,
                int32_t type) {
  size_t at = parent->of.dim_at;
  uint64_t length = parent->length;
  struct p2p_r_frame *frame = NULL;
  int code = p2p_r_stream_push(in, step, &frame);
  if (code != P2P_OK) return code;
  frame->of.dim_at = at;
  frame->length = length;
  frame->type = (int16_t)type;
  return P2P_OK;
}

static int shared_step(struct p2p_r_stream *in, struct p2p_r_frame *frame) {
  int32_t index;
  int code = p2p_r_stream_int(in, &index);
  if (code != P2P_OK) return code;
  const uint8_t *state = state_of(in, frame, index);
  if (state == NULL || *state != DEFINED) return undefined(in);
  in->n_frames--;
  return P2P_OK;
}

/* Opens what a cell contains, or its tail. */
static int open_content(struct p2p_r_stream *in, const struct p2p_r_frame *frame, int32_t type) {
  if (type == P2P_R_SHARED) return push(in, frame, shared_step, type);
  if (type != P2P_R_SHARED_DEFINED && !is_cell(type))
    return p2p_r_stream_open_value(in, P2P_R_AT_VALUE);
  int code = push(in, frame, cells_step, type);
  return code != P2P_OK ? code : p2p_r_stream_enter(in);
}

/* ---- Cells: the type of each was read by the one before ---- */

enum { DEFINE, CELL, TAG, CONTENT, TAIL, LAST };

/* The index of a cell that is used again, and its type. */
static int define(struct p2p_r_stream *in, struct p2p_r_frame *frame) {
  int32_t parts[2];
  const uint8_t *bytes = NULL;
  frame->depth = in->depth;
  frame->at = CELL;
  if (frame->type != P2P_R_SHARED_DEFINED) return P2P_OK;
  frame->at = DEFINE;
  int code = p2p_r_stream_take(in, sizeof parts, &bytes);
  if (code != P2P_OK) return code;
  memcpy(parts, bytes, sizeof parts);
  uint8_t *state = state_of(in, frame, parts[0]);
  if (state == NULL || *state != UNDEFINED) return undefined(in);
  *state = BEGUN;
  if (!is_cell(parts[1])) return p2p_r_stream_malformed(in, "byte code shares no cell");
  frame->looks = true; /* its index is n */
  frame->n = (uint64_t)parts[0];
  frame->type = (int16_t)parts[1];
  frame->at = CELL;
  return P2P_OK;
}

static int begin_cell(struct p2p_r_stream *in, struct p2p_r_frame *frame) {
  static const struct p2p_r_vector call = {.type = P2P_R_CALL};
  bool has_attributes =
      frame->type == P2P_R_ATTRIBUTED_CALL || frame->type == P2P_R_ATTRIBUTED_PAIRS;
  frame->at = TAG;
  int code = p2p_r_stream_descend(in);
  if (code == P2P_OK) code = p2p_r_stream_use_memory(in, 1, P2P_R_CELL_BYTES);
  if (code == P2P_OK && has_attributes) code = p2p_r_attributes_open(in, &call);
  return code;
}

/* What the tail is: another cell, or the last content. */
static int begin_tail(struct p2p_r_stream *in, struct p2p_r_frame *frame) {
  int32_t type;
  int code = p2p_r_stream_int(in, &type);
  if (code != P2P_OK) return code;
  frame->type = (int16_t)(is_cell(type) ? type : 0);
  frame->at = is_cell(type) ? CELL : LAST;
  return is_cell(type) ? P2P_OK : open_content(in, frame, type);
}

static int end_cells(struct p2p_r_stream *in, const struct p2p_r_frame *frame) {
  if (frame->looks) *state_of(in, frame, (int32_t)frame->n) = DEFINED;
  in->depth = frame->depth;
  p2p_r_stream_leave(in);
  in->n_frames--;
  return P2P_OK;
}

static int cells_step(struct p2p_r_stream *in, struct p2p_r_frame *frame) {
  int32_t type;
  int code;
  switch (frame->at) {
  case DEFINE: return define(in, frame);
  case CELL: return begin_cell(in, frame);
  case TAG: frame->at = CONTENT; return p2p_r_stream_open_tag(in, true);
  case CONTENT:
    if ((code = p2p_r_stream_int(in, &type)) != P2P_OK) return code;
    frame->at = TAIL;
    return open_content(in, frame, type);
  case TAIL: return begin_tail(in, frame);
  default: return end_cells(in, frame);
  }
}

/* ---- The code of a function: instructions, the number of constants, and the constants ---- */

enum { INSTRUCTIONS, COUNT, CONSTANTS };

static int code_step(struct p2p_r_stream *in, struct p2p_r_frame *frame) {
  int32_t type;
  int code;
  switch (frame->at) {
  case INSTRUCTIONS:
    frame->at = COUNT;
    if ((code = p2p_r_stream_enter(in)) != P2P_OK) return code;
    return p2p_r_stream_open(in, P2P_R_AT_VALUE, P2P_R_KIND_INTEGERS, "integers are missing");
  case COUNT:
    if (in->last.length == 0) return p2p_r_stream_malformed(in, "byte code is empty");
    if ((code = p2p_r_stream_length(in, 4, &frame->n)) != P2P_OK ||
        (code = p2p_r_stream_use_memory(in, frame->n, sizeof(void *))) != P2P_OK)
      return code;
    frame->at = CONSTANTS;
    /* fall through */
  default:
    if (frame->n == 0) break;
    if ((code = p2p_r_stream_int(in, &type)) != P2P_OK) return code;
    frame->n--;
    return type == P2P_R_BYTECODE ? push(in, frame, code_step, type)
                                  : open_content(in, frame, type);
  }
  p2p_r_stream_leave(in);
  in->n_frames--;
  return P2P_OK;
}

int p2p_r_bytecode_step(struct p2p_r_stream *in, struct p2p_r_frame *frame) {
  if (frame->at == 1) {
    in->cells.n = frame->of.dim_at;
    return p2p_r_item_end(in, frame);
  }
  int code = p2p_r_stream_length(in, 4, &frame->length);
  if (code != P2P_OK ||
      (code = p2p_r_stream_use_memory(in, frame->length, sizeof(void *))) != P2P_OK)
    return code;
  frame->at = 1;
  frame->of.dim_at = in->cells.n;
  if ((code = p2p_r_stream_add_cells(in, frame->length)) != P2P_OK) return code;
  return push(in, frame, code_step, P2P_R_BYTECODE);
}
