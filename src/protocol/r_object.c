/* A walk over the items of a serialized R object, as R would read them, that builds nothing. What
 * is checked is what R relies on when it reads the object or touches it later. */
#include "protocol/r_object.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/r_items.h"
#include "protocol/r_types.h"

#define ENCODING_MAX 63 /* bytes of a name */
/* R gives the name to iconv(), which knows suffixes such as "//TRANSLIT". */
#define ENCODING_CHARACTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.:"

struct p2p_r_walk {
  struct p2p_r_stream stream;
  enum p2p_r_content content;
  bool data_only;
};

/* The format, its version, the version of R that wrote it, and the oldest that can read it. */
static int read_format(struct p2p_r_stream *in) {
  int32_t version;
  const uint8_t *bytes = NULL;
  int code = p2p_r_stream_take(in, 14, &bytes);
  if (code != P2P_OK) return code;
  memcpy(&version, bytes + 2, sizeof version);
  if (memcmp(bytes, "B\n", 2) == 0 && version == 3) return P2P_OK;
  return p2p_err_set(in->err, P2P_ERR_VERSION,
                     "the object has another format or byte order than this program reads");
}

static int read_encoding(struct p2p_r_stream *in, size_t length) {
  char encoding[ENCODING_MAX + 1] = "";
  const uint8_t *bytes = NULL;
  int code = p2p_r_stream_take(in, length, &bytes);
  if (code != P2P_OK) return code;
  memcpy(encoding, bytes, length);
  return strspn(encoding, ENCODING_CHARACTERS) == length
             ? P2P_OK
             : p2p_r_stream_malformed(in, "its encoding has no name");
}

/* Whether the object, which was read, has the right class and is all. */
static int check_end(struct p2p_r_walk *walk, uint32_t flags) {
  static const uint8_t wanted[] = {[P2P_R_RESULT] =
                                       P2P_R_CLASS_FUTURE_RESULT | P2P_R_CLASS_FUTURE_ERROR,
                                   [P2P_R_CONDITION] = P2P_R_CLASS_CONDITION};
  struct p2p_r_stream *in = &walk->stream;
  uint8_t classes = flags & P2P_R_HAS_ATTRIBUTES ? in->classes : 0;
  in->n_frames--;
  if (walk->content >= P2P_R_RESULT && !(classes & wanted[walk->content]))
    return p2p_r_stream_malformed(in, "it has another class than agreed");
  return in->left == 0 ? P2P_OK : p2p_r_stream_malformed(in, "bytes follow it");
}

static int begin_object(struct p2p_r_walk *walk, struct p2p_r_frame *frame) {
  struct p2p_r_stream *in = &walk->stream;
  int code = p2p_r_stream_flags(in, &frame->flags);
  if (code != P2P_OK) return code;
  uint32_t flags = frame->flags;
  if (walk->content != P2P_R_ANY && ((flags & 0xff) != P2P_R_LIST || (flags & P2P_R_IS_S4)))
    return p2p_r_stream_malformed(in, "it is not a list");
  frame->at++;
  in->data_only = walk->data_only;
  code = p2p_r_stream_open(in, P2P_R_AT_VALUE, UINT16_MAX, "it has an object of unknown type");
  return code != P2P_OK ? code : p2p_r_item_begin(in, &in->frames[in->n_frames - 1], flags);
}

/* The first member of a walk is its stream. */
static int object_step(struct p2p_r_stream *in, struct p2p_r_frame *frame) {
  struct p2p_r_walk *walk = (struct p2p_r_walk *)in;
  int32_t length;
  int code;
  switch (frame->at) {
  case 0:
    if ((code = read_format(in)) == P2P_OK) frame->at++;
    return code;
  case 1:
    if ((code = p2p_r_stream_int(in, &length)) != P2P_OK) return code;
    if (length < 1 || length > ENCODING_MAX)
      return p2p_r_stream_malformed(in, "its encoding has no name");
    frame->n = (uint64_t)length;
    frame->at++;
    /* fall through */
  case 2:
    if ((code = read_encoding(in, (size_t)frame->n)) == P2P_OK) frame->at++;
    return code;
  case 3: return begin_object(walk, frame);
  default: return check_end(walk, frame->flags);
  }
}

struct p2p_r_walk *p2p_r_walk_new(uint64_t size_bytes, const struct p2p_r_object_rules *rules) {
  struct p2p_r_walk *walk = malloc(sizeof *walk);
  struct p2p_r_frame *frame;
  if (walk == NULL) return NULL;
  p2p_r_stream_init(&walk->stream, size_bytes, rules->memory_bytes, p2p_r_item_step);
  walk->content = rules->content;
  walk->data_only = rules->data_only;
  if (p2p_r_stream_push(&walk->stream, object_step, &frame) == P2P_OK) return walk;
  p2p_r_walk_free(walk);
  return NULL;
}

void p2p_r_walk_free(struct p2p_r_walk *walk) {
  if (walk == NULL) return;
  p2p_r_stream_clear(&walk->stream);
  free(walk);
}

int p2p_r_walk_feed(struct p2p_r_walk *walk, const void *bytes, size_t length,
                    struct p2p_err *err) {
  struct p2p_r_stream *in = &walk->stream;
  int code = P2P_OK;
  in->err = err;
  if (length > in->left) return p2p_r_stream_malformed(in, "bytes follow it");
  in->at = length > 0 ? bytes : in->carry;
  in->end = in->at + length;
  while (code == P2P_OK && in->n_frames > 0) {
    struct p2p_r_frame *frame = &in->frames[in->n_frames - 1];
    code = frame->step(in, frame);
  }
  return code == P2P_R_MORE ? P2P_OK : code;
}

int p2p_r_object_check(const struct p2p_blob *object, const struct p2p_r_object_rules *rules,
                       struct p2p_err *err) {
  uint64_t size = p2p_blob_size(object), done = 0;
  struct p2p_r_walk *walk = p2p_r_walk_new(size, rules);
  int code = P2P_OK;
  if (walk == NULL) return p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
  do {
    const uint8_t *bytes = NULL;
    size_t length = p2p_blob_span(object, done, &bytes);
    code = p2p_r_walk_feed(walk, bytes, length, err);
    done += length;
  } while (code == P2P_OK && done < size);
  p2p_r_walk_free(walk);
  return code;
}
