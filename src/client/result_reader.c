/* R's thread is woken for a batch of bytes, since a wake-up costs as much as some ten kilobytes of
 * data. */
#include "client/result_reader.h"

#include <stdlib.h>

#define BATCH_BYTES (256 * 1024)

struct p2p_result_reader {
  struct p2p_result *result;
  struct p2p_r_walk *walk;
  uint64_t at;  /* bytes that were checked and given */
  bool drops;   /* them, when more are read */
  bool watches; /* the result, with `notifier` */
  struct p2p_notifier notifier;
};

/* Without a notifier, as when too many files are open, there is still the time. */
static void start_watching(struct p2p_result_reader *reader) {
  if (p2p_notifier_init(&reader->notifier, NULL) != P2P_OK) return;
  reader->watches = p2p_result_watch(reader->result, &reader->notifier);
  if (!reader->watches) p2p_notifier_destroy(&reader->notifier);
}

struct p2p_result_reader *p2p_result_reader_new(struct p2p_result *result,
                                                const struct p2p_r_object_rules *rules,
                                                uint64_t keep_bytes) {
  struct p2p_result_reader *reader = calloc(1, sizeof *reader);
  if (reader == NULL) return NULL;
  reader->walk = p2p_r_walk_new(p2p_result_size(result), rules);
  if (reader->walk == NULL) {
    free(reader);
    return NULL;
  }
  reader->result = result;
  reader->drops = p2p_result_size(result) > keep_bytes;
  if (!p2p_result_is_whole(result)) start_watching(reader);
  return reader;
}

void p2p_result_reader_free(struct p2p_result_reader *reader) {
  if (reader == NULL) return;
  if (reader->watches) {
    p2p_result_unwatch(reader->result);
    p2p_notifier_destroy(&reader->notifier);
  }
  p2p_result_free(reader->result);
  p2p_r_walk_free(reader->walk);
  free(reader);
}

/* Returns whether there is more to read at once, also if it became so just now. */
static bool has_more(struct p2p_result_reader *reader) {
  if (!reader->watches) return false;
  (void)p2p_notifier_poll(&reader->notifier);
  return p2p_result_want(reader->result, reader->at + BATCH_BYTES);
}

int p2p_result_reader_next(struct p2p_result_reader *reader, const uint8_t **bytes, size_t *length,
                           struct p2p_err *err) {
  uint64_t size = p2p_result_size(reader->result);
  if (reader->at == size && size > 0) return P2P_READING_END;
  if (reader->drops) p2p_result_drop(reader->result, reader->at);
  *bytes = NULL;
  *length = p2p_result_span(reader->result, reader->at, bytes);
  if (*length == 0 && has_more(reader))
    *length = p2p_result_span(reader->result, reader->at, bytes);
  if (*length == 0 && p2p_result_is_broken(reader->result))
    return p2p_err_set(err, P2P_ERR_LOST, "the rest of the result is lost");
  if (*length == 0 && size > 0) return P2P_READING_WAIT;
  int code = p2p_r_walk_feed(reader->walk, *bytes, *length, err);
  if (code != P2P_OK) return code;
  reader->at += *length;
  return P2P_READING_BYTES;
}

int p2p_result_reader_fd(const struct p2p_result_reader *reader) {
  return reader->watches ? p2p_notifier_fd(&reader->notifier) : -1;
}
