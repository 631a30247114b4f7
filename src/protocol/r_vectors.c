/* The elements of vectors. Most time is spent here on large objects. */
#include "protocol/r_vectors.h"

#include "protocol/r_types.h"

static int skip_string(struct p2p_r_stream *in) {
  int32_t length;
  int code = p2p_r_stream_int(in, &length);
  if (code < 0 || length == -1) return code; /* NA */
  if (length < 0) return p2p_r_stream_malformed(in, "a string has a negative length");
  return p2p_r_stream_skip(in, (uint64_t)length);
}

int p2p_r_string_check(struct p2p_r_stream *in) {
  uint64_t before = in->left;
  int code = skip_string(in);
  if (code < 0 || (code = p2p_r_stream_use_memory(in, before - in->left, 1)) < 0) return code;
  return P2P_R_STRING;
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

/* Skips the strings that are whole in the current chunk, at most `n`. Returns how many. */
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

int p2p_r_strings_check(struct p2p_r_stream *in) {
  uint64_t n, before = in->left;
  int code = p2p_r_stream_length(in, 8, &n);
  if (code < 0 || (code = p2p_r_stream_use_memory(in, n, sizeof(void *))) < 0) return code;
  p2p_r_stream_set_last(in, P2P_R_STRINGS, n);
  while ((n -= skip_plain_strings(in, n)) > 0) {
    uint32_t flags = 0;
    if ((code = p2p_r_stream_flags(in, &flags)) < 0) return code;
    if ((flags & P2P_R_NOT_LEVELS) != P2P_R_STRING) {
      return p2p_r_stream_malformed(in, "a character vector has another element");
    }
    if ((code = skip_string(in)) < 0) return code;
    n--;
  }
  code = p2p_r_stream_use_memory(in, before - in->left, 1);
  return code < 0 ? code : P2P_R_STRINGS;
}

int p2p_r_numbers_check(struct p2p_r_stream *in, int type, uint64_t size) {
  uint64_t n;
  int code = p2p_r_stream_length(in, size, &n);
  if (code < 0 || (code = p2p_r_stream_use_memory(in, n, size)) < 0) return code;
  p2p_r_stream_set_last(in, type, n);
  return (code = p2p_r_stream_skip(in, n * size)) < 0 ? code : type;
}

/* Whether each is TRUE, FALSE or NA, that is 1, 0 or 2^31. */
static bool are_logical(const uint8_t *at, uint64_t n) {
  typedef uint32_t values __attribute__((vector_size(16))); /* four at once */
  values others = {0}, some = {0};
  for (; n >= 4; n -= 4, at += sizeof some) {
    memcpy(&some, at, sizeof some);
    others |= (some & 0x7ffffffe) | (some & (some >> 31));
  }
  for (uint64_t i = 0; i < n; i++) memcpy((uint8_t *)&some + 4 * i, at + 4 * i, 4);
  others |= (some & 0x7ffffffe) | (some & (some >> 31));
  return (others[0] | others[1] | others[2] | others[3]) == 0;
}

int p2p_r_logicals_check(struct p2p_r_stream *in) {
  uint64_t n;
  int code = p2p_r_stream_length(in, 4, &n);
  if (code < 0 || (code = p2p_r_stream_use_memory(in, n, 4)) < 0) return code;
  p2p_r_stream_set_last(in, P2P_R_LOGICALS, n);
  for (uint64_t here; n > 0; n -= here) {
    uint8_t one[4];
    const uint8_t *at = in->at;
    here = (uint64_t)(in->end - at) / 4;
    if (here > n) here = n;
    if (here == 0) { /* in two chunks */
      here = 1;
      at = one;
      code = p2p_r_stream_read(in, one, sizeof one);
    } else {
      code = p2p_r_stream_skip(in, 4 * here);
    }
    if (code < 0) return code;
    if (!are_logical(at, here))
      return p2p_r_stream_malformed(in, "a logical value is not TRUE, FALSE or NA");
  }
  return P2P_R_LOGICALS;
}

/* The size of the plain element at `at`, which has `head`. 0: it is not plain, or not whole. */
static uint64_t element_size(struct head head, const uint8_t *at, const uint8_t *end) {
  static const uint8_t sizes[] = {[P2P_R_LOGICALS] = 4,   [P2P_R_INTEGERS] = 4, [P2P_R_DOUBLES] = 8,
                                  [P2P_R_COMPLEXES] = 16, [P2P_R_STRINGS] = 8,  [P2P_R_RAWS] = 1};
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
