/* Byte code in a serialized R object ("R Internals", section 1.8). R
 * reads an index of a shared cell without a check of its bounds. */
#include "protocol/r_bytecode.h"

#include <stdbool.h>
#include <stdlib.h>

enum state { UNDEFINED, BEGUN, DEFINED };

struct walk {
  struct p2p_r_stream *in;
  const struct p2p_r_reader *reader;
  uint8_t *cells; /* the states of the cells that are used again */
  uint64_t n_cells;
};

static int cells(struct walk *walk, int32_t type);

static int read_item(struct walk *walk, enum p2p_r_wanted wanted) {
  return walk->reader->read(walk->reader->arg, wanted);
}

static bool is_cell(int32_t type) {
  return type == P2P_R_CALL || type == P2P_R_PAIRS || type == P2P_R_ATTRIBUTED_CALL ||
         type == P2P_R_ATTRIBUTED_PAIRS;
}

/* The index of a shared cell, which must be in `state`. */
static int shared_index(struct walk *walk, enum state state, int32_t *out) {
  int code = p2p_r_stream_int(walk->in, out);
  if (code < 0) return code;
  if (*out < 0 || (uint64_t)*out >= walk->n_cells || walk->cells[*out] != state) {
    return p2p_r_stream_malformed(walk->in, "byte code refers to a cell that is not defined");
  }
  return P2P_OK;
}

/* What a cell contains, or its tail. */
static int content(struct walk *walk, int32_t type) {
  int32_t index;
  if (type == P2P_R_SHARED) return shared_index(walk, DEFINED, &index);
  if (type != P2P_R_SHARED_DEFINED && !is_cell(type)) return read_item(walk, P2P_R_WANT_VALUE);
  int code = p2p_r_stream_enter(walk->in);
  if (code < 0 || (code = cells(walk, type)) < 0) return code;
  p2p_r_stream_leave(walk->in);
  return P2P_OK;
}

/* One cell, but for its tail, whose type is read. */
static int cell(struct walk *walk, int32_t *type) {
  int code = p2p_r_stream_use_memory(walk->in, 1, P2P_R_CELL_BYTES);
  if (code < 0) return code;
  bool has_attributes = *type == P2P_R_ATTRIBUTED_CALL || *type == P2P_R_ATTRIBUTED_PAIRS;
  if (has_attributes && (code = read_item(walk, P2P_R_WANT_ATTRIBUTES_OF_CALL)) < 0) return code;
  if ((code = read_item(walk, P2P_R_WANT_TAG)) < 0) return code;
  if ((code = p2p_r_stream_int(walk->in, type)) < 0 || (code = content(walk, *type)) < 0)
    return code;
  return p2p_r_stream_int(walk->in, type);
}

static int cells(struct walk *walk, int32_t type) {
  uint32_t depth = walk->in->depth;
  int32_t index = -1;
  int code;
  if (type == P2P_R_SHARED_DEFINED) {
    if ((code = shared_index(walk, UNDEFINED, &index)) < 0) return code;
    walk->cells[index] = BEGUN;
    if ((code = p2p_r_stream_int(walk->in, &type)) < 0) return code;
    if (!is_cell(type)) return p2p_r_stream_malformed(walk->in, "byte code shares no cell");
  }
  do {
    if ((code = p2p_r_stream_descend(walk->in)) < 0 || (code = cell(walk, &type)) < 0) return code;
  } while (is_cell(type));
  if ((code = content(walk, type)) < 0) return code;
  if (index >= 0) walk->cells[index] = DEFINED;
  walk->in->depth = depth;
  return P2P_OK;
}

/* The instructions, the number of constants, and the constants. */
static int code_of_function(struct walk *walk) {
  uint64_t n;
  int code = p2p_r_stream_enter(walk->in);
  if (code < 0 || (code = read_item(walk, P2P_R_WANT_INTEGERS)) < 0) return code;
  if (walk->in->last.length == 0) return p2p_r_stream_malformed(walk->in, "byte code is empty");
  if ((code = p2p_r_stream_length(walk->in, 4, &n)) < 0) return code;
  if ((code = p2p_r_stream_use_memory(walk->in, n, sizeof(void *))) < 0) return code;
  for (; n > 0; n--) {
    int32_t type;
    if ((code = p2p_r_stream_int(walk->in, &type)) < 0) return code;
    code = type == P2P_R_BYTECODE ? code_of_function(walk) : content(walk, type);
    if (code < 0) return code;
  }
  p2p_r_stream_leave(walk->in);
  return P2P_OK;
}

int p2p_r_bytecode_check(struct p2p_r_stream *stream, const struct p2p_r_reader *reader) {
  struct walk walk = {.in = stream, .reader = reader};
  int code = p2p_r_stream_length(stream, 4, &walk.n_cells);
  if (code < 0) return code;
  if ((code = p2p_r_stream_use_memory(stream, walk.n_cells, sizeof(void *))) < 0) return code;
  walk.cells = calloc(walk.n_cells + 1, 1);
  if (walk.cells == NULL) return p2p_err_set(stream->err, P2P_ERR_MEMORY, "out of memory");
  code = code_of_function(&walk);
  free(walk.cells);
  return code < 0 ? code : P2P_R_BYTECODE;
}
