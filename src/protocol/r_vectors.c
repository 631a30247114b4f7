/* The elements of vectors. Most time is spent here on large objects. */
#include "protocol/r_vectors.h"

#include "protocol/r_attributes.h"
#include "protocol/r_types.h"

/* The length and the bytes of a string. */
int p2p_r_string_step(struct p2p_r_stream *in, struct p2p_r_frame *frame) {
  int32_t length;
  int code;
  if (frame->at == 0) {
    if ((code = p2p_r_stream_int(in, &length)) != P2P_OK) return code;
    if (length < -1) return p2p_r_stream_malformed(in, "a string has a negative length");
    frame->n = length < 0 ? 0 : (uint64_t)length; /* -1: NA */
    if ((code = p2p_r_stream_use_memory(in, sizeof length + frame->n, 1)) != P2P_OK) return code;
    frame->at = 1;
  }
  code = p2p_r_stream_skip(in, &frame->n);
  return code != P2P_OK ? code : p2p_r_item_end(in, frame);
}

/* The flags and the length of a vector or string. */
struct head {
  uint32_t flags;
  int32_t length;
};

#define MANY 16 /* items, that it is worth to look for such as are alike */

/* How many of the `n` items at `at` have `size` bytes and begin with the same 8 bytes, in fours.
 * The processor need not read the length of one of them before it can find the next. */
static uint64_t count_alike(const uint8_t *at, const uint8_t *end, uint64_t size, uint64_t n) {
  uint64_t done = 0;
  while (n - done >= 4 && 4 * size <= (uint64_t)(end - at)) {
    uint64_t heads[4];
    for (int i = 0; i < 4; i++) memcpy(&heads[i], at + (uint64_t)i * size, sizeof heads[i]);
    if (((heads[0] ^ heads[1]) | (heads[0] ^ heads[2]) | (heads[0] ^ heads[3])) != 0) break;
    at += 4 * size;
    done += 4;
  }
  return done;
}

/* The size of the string at `at`, if it is whole, otherwise 0. */
static inline uint64_t string_size(const uint8_t *at, const uint8_t *end) {
  struct head head;
  uint64_t here = (uint64_t)(end - at);
  if (here < sizeof head) return 0;
  memcpy(&head, at, sizeof head);
  if ((head.flags & P2P_R_NOT_LEVELS) != P2P_R_STRING || head.length < -1) return 0;
  uint64_t size = sizeof head + (head.length < 0 ? 0 : (uint64_t)head.length);
  return size <= here ? size : 0;
}

/* Skips the strings that are whole in the current piece, at most `n`. Returns how many. */
static uint64_t skip_plain_strings(struct p2p_r_stream *in, uint64_t n) {
  const uint8_t *at = in->at;
  uint64_t done = 0, size, next = 0;
  while (done < n && (size = string_size(at, in->end)) > 0) {
    uint64_t alike = done < next ? 0 : count_alike(at, in->end, size, n - done);
    if (alike == 0 && done >= next) next = done + MANY; /* lengths differ here */
    if (alike == 0) alike = 1;
    at += alike * size;
    done += alike;
  }
  in->left -= (uint64_t)(at - in->at);
  in->at = at;
  return done;
}

/* Steps of strings. */
enum { BEGIN, STRINGS, BYTES_OF_STRING, CLASSES, BYTES_OF_CLASS };

#define CLASS_MAX 31 /* bytes of a name that means something */

static uint8_t class_of(const uint8_t *name, size_t length) {
  static const struct {
    const char *name;
    uint8_t class;
  } classes[] = {{"factor", P2P_R_CLASS_FACTOR},
                 {"FutureResult", P2P_R_CLASS_FUTURE_RESULT},
                 {"FutureError", P2P_R_CLASS_FUTURE_ERROR},
                 {"condition", P2P_R_CLASS_CONDITION}};
  for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++) {
    if (strlen(classes[i].name) == length && memcmp(classes[i].name, name, length) == 0)
      return classes[i].class;
  }
  return 0;
}

static int begin_strings(struct p2p_r_stream *in, struct p2p_r_frame *frame) {
  frame->length = in->left + in->carried; /* at the start */
  int code = p2p_r_stream_length(in, 8, &frame->n);
  if (code != P2P_OK) return code;
  p2p_r_stream_set_last(in, P2P_R_STRINGS, frame->n);
  frame->at = in->looks_for_classes ? CLASSES : STRINGS;
  in->looks_for_classes = false;
  return p2p_r_stream_use_memory(in, frame->n, sizeof(void *));
}

/* The flags and the length of the next string. */
static int begin_string(struct p2p_r_stream *in, struct p2p_r_frame *frame) {
  struct head head;
  const uint8_t *bytes = NULL;
  int code = p2p_r_stream_take(in, sizeof head, &bytes);
  if (code != P2P_OK) return code;
  memcpy(&head, bytes, sizeof head);
  if ((head.flags & P2P_R_NOT_LEVELS) != P2P_R_STRING)
    return p2p_r_stream_malformed(in, "a character vector has another element");
  if (head.length < -1) return p2p_r_stream_malformed(in, "a string has a negative length");
  frame->string_left = head.length < 0 ? 0 : (uint64_t)head.length;
  bool is_class = frame->at == CLASSES && head.length >= 0 && head.length <= CLASS_MAX;
  frame->at = is_class ? BYTES_OF_CLASS : BYTES_OF_STRING;
  frame->n--;
  return P2P_OK;
}

int p2p_r_strings_step(struct p2p_r_stream *in, struct p2p_r_frame *frame) {
  const uint8_t *name = NULL;
  int code = P2P_OK;
  while (code == P2P_OK) {
    switch (frame->at) {
    case BEGIN: code = begin_strings(in, frame); break;
    case STRINGS:
      if (in->carried == 0) frame->n -= skip_plain_strings(in, frame->n); /* fall through */
    case CLASSES:
      if (frame->n == 0) {
        code = p2p_r_stream_use_memory(in, frame->length - in->left, 1);
        return code != P2P_OK ? code : p2p_r_item_end(in, frame);
      }
      frame->looks = frame->at == CLASSES;
      code = begin_string(in, frame);
      break;
    case BYTES_OF_CLASS:
      code = p2p_r_stream_take(in, (size_t)frame->string_left, &name);
      if (code != P2P_OK) break;
      in->last.classes |= class_of(name, (size_t)frame->string_left);
      frame->at = CLASSES;
      break;
    default:
      code = p2p_r_stream_skip(in, &frame->string_left);
      if (code == P2P_OK) frame->at = frame->looks ? CLASSES : STRINGS;
    }
  }
  return code;
}

typedef uint32_t four __attribute__((vector_size(16))); /* integers, at once */

/* Whether each is TRUE, FALSE or NA, that is 1, 0 or 2^31. */
static bool are_logical(const uint8_t *at, uint64_t n) {
  four others = {0}, some = {0};
  for (; n >= 4; n -= 4, at += sizeof some) {
    memcpy(&some, at, sizeof some);
    others |= (some & 0x7ffffffe) | (some & (some >> 31));
  }
  for (uint64_t i = 0; i < n; i++) memcpy((uint8_t *)&some + 4 * i, at + 4 * i, 4);
  others |= (some & 0x7ffffffe) | (some & (some >> 31));
  return (others[0] | others[1] | others[2] | others[3]) == 0;
}

/* The greater ones of four integers each. Those below 1 count as more than INT32_MAX, NA as 0. */
static inline four greater(four most, four some) {
  const four na = {0x80000000, 0x80000000, 0x80000000, 0x80000000};
  some = (some & ~(four)(some == na)) | (four)(some == 0);
  four is_more = (four)(some > most);
  return (some & is_more) | (most & ~is_more);
}

/* The greatest of the integers, as above. */
static uint32_t most_of(const uint8_t *at, uint64_t n) {
  four most = {0}, some = {0x80000000, 0x80000000, 0x80000000, 0x80000000};
  uint32_t greatest = 0;
  for (; n >= 4; n -= 4, at += sizeof some) {
    memcpy(&some, at, sizeof some);
    most = greater(most, some);
  }
  for (uint64_t i = 0; i < n; i++) memcpy((uint8_t *)&some + 4 * i, at + 4 * i, 4);
  most = greater(most, some);
  for (int i = 0; i < 4; i++)
    if (most[i] > greatest) greatest = most[i];
  return greatest;
}

static const uint8_t sizes[] = {[P2P_R_LOGICALS] = 4,   [P2P_R_INTEGERS] = 4, [P2P_R_DOUBLES] = 8,
                                [P2P_R_COMPLEXES] = 16, [P2P_R_STRINGS] = 8,  [P2P_R_RAWS] = 1};

static int keep(struct p2p_r_stream *in, const uint8_t *at, uint64_t n) {
  int code = P2P_OK;
  for (; n > 0 && code == P2P_OK; n--, at += 4) {
    int32_t value;
    memcpy(&value, at, sizeof value);
    code = p2p_r_stream_keep(in, value);
  }
  return code;
}

/* Reads integers or logicals, as many as are here. */
static int read_some(struct p2p_r_stream *in, struct p2p_r_frame *frame) {
  const uint8_t *at = in->at;
  uint64_t here = (uint64_t)(in->end - at) / 4;
  if (here > frame->n) here = frame->n;
  if (in->carried > 0 || here == 0) { /* in two pieces */
    int code = p2p_r_stream_take(in, 4, &at);
    if (code != P2P_OK) return code;
    here = 1;
  } else {
    in->at += 4 * here;
    in->left -= 4 * here;
  }
  frame->n -= here;
  if (frame->type == P2P_R_LOGICALS) {
    if (are_logical(at, here)) return P2P_OK;
    return p2p_r_stream_malformed(in, "a logical value is not TRUE, FALSE or NA");
  }
  uint32_t most = most_of(at, here);
  if (most > in->last.most) in->last.most = most;
  return frame->looks ? keep(in, at, here) : P2P_OK;
}

static int begin_numbers(struct p2p_r_stream *in, struct p2p_r_frame *frame) {
  uint64_t size = sizes[frame->type];
  int code = p2p_r_stream_length(in, size, &frame->n);
  if (code != P2P_OK) return code;
  p2p_r_stream_set_last(in, frame->type, frame->n);
  frame->at = 1;
  if (frame->type == P2P_R_INTEGERS) {
    frame->looks = in->keeps && frame->n <= P2P_R_DIMENSIONS_MAX;
    in->keeps = false;
  }
  uint64_t n = frame->n;
  if (frame->type != P2P_R_INTEGERS && frame->type != P2P_R_LOGICALS) frame->n *= size; /* bytes */
  return p2p_r_stream_use_memory(in, n, size);
}

int p2p_r_numbers_step(struct p2p_r_stream *in, struct p2p_r_frame *frame) {
  int code = frame->at == 0 ? begin_numbers(in, frame) : P2P_OK;
  bool are_read = frame->type == P2P_R_INTEGERS || frame->type == P2P_R_LOGICALS;
  if (!are_read && code == P2P_OK) code = p2p_r_stream_skip(in, &frame->n);
  while (code == P2P_OK && frame->n > 0) code = read_some(in, frame);
  return code != P2P_OK ? code : p2p_r_item_end(in, frame);
}

/* The size of the plain element at `at`, which has `head`. 0: it is not plain, or not whole. */
static uint64_t element_size(struct head head, const uint8_t *at, const uint8_t *end) {
  if (head.flags >= sizeof sizes || sizes[head.flags] == 0 || head.length < 0) return 0;
  if (head.flags == P2P_R_STRINGS) {
    uint64_t string = head.length == 1 ? string_size(at + sizeof head, end) : 0;
    return string == 0 ? 0 : sizeof head + string;
  }
  uint64_t size = sizeof head + (uint64_t)head.length * sizes[head.flags];
  if (size > (uint64_t)(end - at)) return 0;
  bool is_wrong =
      head.flags == P2P_R_LOGICALS && !are_logical(at + sizeof head, (uint64_t)head.length);
  return is_wrong ? 0 : size;
}

/* Memory is counted as by the other functions. */
int p2p_r_plain_elements_check(struct p2p_r_stream *in, uint64_t *n) {
  const uint8_t *at = in->at;
  uint64_t memory_bytes = 0;
  if (in->nesting >= P2P_R_NESTING_MAX || in->depth >= P2P_R_DEPTH_MAX) return P2P_OK;
  while (*n > 0 && in->end - at >= (ptrdiff_t)sizeof(struct head)) {
    struct head head;
    memcpy(&head, at, sizeof head);
    uint64_t size = element_size(head, at, in->end), alike = 0;
    if (size == 0) break;
    if (*n >= MANY && head.flags != P2P_R_STRINGS && head.flags != P2P_R_LOGICALS)
      alike = count_alike(at, in->end, size, *n);
    if (alike == 0) alike = 1;
    at += alike * size;
    *n -= alike;
    memory_bytes += alike * (P2P_R_CELL_BYTES + size);
    if (head.flags == P2P_R_STRINGS)
      memory_bytes += 4;
    else
      memory_bytes -= alike * sizeof head;
  }
  in->left -= (uint64_t)(at - in->at);
  in->at = at;
  return p2p_r_stream_use_memory(in, memory_bytes, 1);
}
