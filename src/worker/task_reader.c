/* Hands out the bytes of a task in the order of the stream, after the check has seen them. */
#include "worker/task_reader.h"

#define DIRECT_BYTES 4096 /* what is at least as long is not copied */

static int init(struct p2p_task_reader *reader, struct p2p_evaluator_channel *channel,
                uint64_t size, const struct p2p_r_object_rules *rules, struct p2p_err *err) {
  *reader = (struct p2p_task_reader){.channel = channel, .walk = p2p_r_walk_new(size, rules)};
  if (reader->walk == NULL) return p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
  if (size > 0) return P2P_OK;
  return p2p_r_walk_feed(reader->walk, NULL, 0, err);
}

int p2p_task_reader_init(struct p2p_task_reader *reader, struct p2p_evaluator_channel *channel,
                         uint64_t size, struct p2p_err *err) {
  static const struct p2p_r_object_rules rules = {.memory_bytes = UINT64_MAX,
                                                  .content = P2P_R_TASK};
  return init(reader, channel, size, &rules, err);
}

int p2p_task_reader_init_part(struct p2p_task_reader *reader, struct p2p_evaluator_channel *channel,
                              uint64_t size, struct p2p_err *err) {
  static const struct p2p_r_object_rules rules = {
      .memory_bytes = UINT64_MAX, .content = P2P_R_ANY, .data_only = true};
  return init(reader, channel, size, &rules, err);
}

void p2p_task_reader_clear(struct p2p_task_reader *reader) {
  p2p_r_walk_free(reader->walk);
  reader->walk = NULL;
}

static int read_error(long code, struct p2p_err *err) {
  switch (code) {
  case P2P_ERR_CANCELED: return p2p_err_set(err, (int)code, "the future was canceled");
  case P2P_ERR_INVALID:
    return p2p_err_set(err, P2P_ERR_PARSE, "the serialized object is malformed: it is truncated");
  default: return p2p_err_set(err, (int)code, "the channel to the supervisor is broken");
  }
}

/* Returns how many bytes went to `out`, or a negative code. */
static long read_some(struct p2p_task_reader *reader, void *out, size_t length,
                      struct p2p_err *err) {
  bool is_direct = length >= DIRECT_BYTES;
  long n = is_direct ? p2p_evaluator_channel_read(reader->channel, out, length)
                     : p2p_evaluator_channel_span(reader->channel, &reader->at);
  if (n < 0) return read_error(n, err);
  int code = p2p_r_walk_feed(reader->walk, is_direct ? out : reader->at, (size_t)n, err);
  if (code != P2P_OK || is_direct) return code != P2P_OK ? code : n;
  reader->here = (size_t)n;
  return 0;
}

int p2p_task_reader_read_on(struct p2p_task_reader *reader, void *out, size_t length,
                            struct p2p_err *err) {
  uint8_t *to = out;
  for (;;) {
    size_t n = length < reader->here ? length : reader->here;
    if (n > 0) {
      memcpy(to, reader->at, n);
      reader->at += n;
      reader->here -= n;
      to += n;
      length -= n;
    }
    if (length == 0) return P2P_OK;
    long got = read_some(reader, to, length, err);
    if (got < 0) return (int)got;
    to += got;
    length -= (size_t)got;
  }
}
