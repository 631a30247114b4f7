/* A result reader: gives what was checked, and nothing that was not, while the result arrives. */
#include "client/result_reader.h"

#include <poll.h>
#include <pthread.h>

#include "base/chunks.h"
#include "r_object_fixture.h"

#define MEMORY 10000000
#define N_RAW 300000 /* bytes of a vector: several chunks */

static struct p2p_err err;

/* list(raw(N_RAW), <what follows>), a FutureResult: as far as the second element. */
static void begin_result(void) {
  begin();
  integer(P2P_R_LIST | ATTR), integer(2);
  integer(P2P_R_RAWS), integer(N_RAW);
  for (int32_t i = 0; i < N_RAW / 4; i++) integer(i);
}

static void end_result(void) {
  cell(0, "class");
  one_string("FutureResult");
  null();
}

/* Two large vectors, and what may be in chunks that were read long before: the levels of a factor
 * are checked after its integers. */
static void large_result(void) {
  begin_result();
  integer(P2P_R_INTEGERS | ATTR), integer(50000);
  for (int32_t i = 0; i < 50000; i++) integer(1 + i % 2);
  cell(0, "levels");
  strings(2, (const char *[]){"a", "b"});
  cell(0, "class");
  one_string("factor");
  null();
  end_result();
}

/* Appends all of `object` from `at` to `end`, in pieces. */
static void feed(struct p2p_result *result, uint64_t at, uint64_t end, size_t piece) {
  while (at < end) {
    const uint8_t *from;
    size_t length = p2p_blob_span(object, at, &from);
    if (length > piece) length = piece;
    if (length > end - at) length = (size_t)(end - at);
    CHECK(p2p_result_append(result, from, length) == P2P_OK);
    at += length;
  }
}

static bool is_same(const uint8_t *bytes, size_t length, uint64_t at) {
  const uint8_t *from;
  for (size_t n; length > 0; at += n, bytes += n, length -= n) {
    n = p2p_blob_span(object, at, &from);
    if (n > length) n = length;
    if (n == 0 || memcmp(bytes, from, n) != 0) return false;
  }
  return true;
}

/* Reads until the end, an error, or `stop` bytes. Returns the last code; *at: how much was given.
 */
static int read_some(struct p2p_result_reader *reader, uint64_t stop, uint64_t *at) {
  int code = P2P_READING_BYTES;
  while (code >= 0 && code != P2P_READING_END && *at < stop) {
    const uint8_t *bytes;
    size_t length;
    code = p2p_result_reader_next(reader, &bytes, &length, &err);
    if (code == P2P_READING_BYTES) {
      CHECK(length > 0 && is_same(bytes, length, *at));
      *at += length;
    } else if (code == P2P_READING_WAIT) {
      struct pollfd ready = {.fd = p2p_result_reader_fd(reader), .events = POLLIN};
      (void)poll(&ready, 1, P2P_READING_WAIT_MS);
    }
  }
  return code;
}

static struct p2p_result_reader *keeping_reader(struct p2p_result *result, bool data_only,
                                                uint64_t keep_bytes) {
  struct p2p_r_object_rules rules = {
      .memory_bytes = MEMORY, .content = P2P_R_RESULT, .data_only = data_only};
  p2p_result_ref(result);
  return p2p_result_reader_new(result, &rules, keep_bytes);
}

static struct p2p_result_reader *reader_of(struct p2p_result *result, bool data_only) {
  return keeping_reader(result, data_only, UINT64_MAX);
}

struct feeder {
  struct p2p_result *result;
  size_t piece;
};

static void *feed_all(void *arg) {
  struct feeder *feeder = arg;
  feed(feeder->result, 0, p2p_blob_size(object), feeder->piece);
  return NULL;
}

TEST(a_result_is_read_while_it_arrives_in_pieces_of_any_size) {
  static const size_t pieces[] = {1, 13, 65535, 65536, SIZE_MAX};
  large_result();
  for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
    struct p2p_result *result = p2p_result_new(p2p_blob_size(object));
    struct feeder feeder = {result, pieces[i]};
    struct p2p_result_reader *reader = reader_of(result, true);
    pthread_t thread;
    uint64_t at = 0;
    CHECK(pthread_create(&thread, NULL, feed_all, &feeder) == 0);
    CHECK(read_some(reader, UINT64_MAX, &at) == P2P_READING_END && at == p2p_blob_size(object));
    CHECK(read_some(reader, UINT64_MAX, &at) == P2P_READING_END);
    pthread_join(thread, NULL);
    p2p_result_reader_free(reader);
    p2p_result_free(result);
  }
  p2p_blob_free(object);
}

TEST(a_result_is_read_before_it_is_whole_and_again_from_the_start) {
  large_result();
  uint64_t size = p2p_blob_size(object);
  struct p2p_result *result = p2p_result_new(size);
  feed(result, 0, size / 2, 1000);
  for (int i = 0; i < 3; i++) { /* as after an interrupt */
    struct p2p_result_reader *reader = reader_of(result, false);
    uint64_t at = 0;
    CHECK(read_some(reader, 100000, &at) == P2P_READING_BYTES && at >= 100000);
    p2p_result_reader_free(reader);
  }
  struct p2p_result_reader *first = reader_of(result, false);
  feed(result, size / 2, size, 1000);
  struct p2p_result_reader *second = reader_of(result, false); /* of a whole one */
  CHECK(p2p_result_reader_fd(second) == -1);
  for (uint64_t at = 0, again = 0; at < size;) {
    CHECK(read_some(first, at + 1, &at) >= 0 && read_some(second, at, &again) >= 0);
  }
  p2p_result_reader_free(second);
  p2p_result_reader_free(first);
  p2p_result_free(result);
  p2p_blob_free(object);
}

TEST(a_large_result_is_freed_as_it_is_read) {
  large_result();
  uint64_t size = p2p_blob_size(object), before, at = 0;
  p2p_chunks_keep(UINT64_MAX);
  before = p2p_chunks_kept();
  struct p2p_result *result = p2p_result_new(size);
  struct p2p_result_reader *reader = keeping_reader(result, false, size); /* not large */
  feed(result, 0, size, 1000);
  CHECK(read_some(reader, UINT64_MAX, &at) == P2P_READING_END && p2p_chunks_kept() == before);
  CHECK(!p2p_result_is_dropped(result));
  p2p_result_reader_free(reader);
  reader = keeping_reader(result, false, size - 1);
  at = 0;
  CHECK(read_some(reader, 150000, &at) == P2P_READING_BYTES && p2p_result_is_dropped(result));
  CHECK(p2p_chunks_kept() == before + (at - 1) / P2P_CHUNK_BYTES * P2P_CHUNK_BYTES);
  CHECK(read_some(reader, UINT64_MAX, &at) == P2P_READING_END && at == size);
  CHECK(p2p_chunks_kept() == before + (size - 1) / P2P_CHUNK_BYTES * P2P_CHUNK_BYTES);
  p2p_result_reader_free(reader);
  p2p_result_free(result);
  p2p_blob_free(object);
  p2p_chunks_keep(0);
}

/* Feeds what `object` has, of a result that is larger: it is refused before the rest is there, and
 * nothing was given from `bad` on. */
static void check_refused(uint64_t bad, bool data_only, int expected) {
  struct p2p_result *result = p2p_result_new(p2p_blob_size(object) + 1000000);
  feed(result, 0, p2p_blob_size(object), 10000);
  struct p2p_result_reader *reader = reader_of(result, data_only);
  uint64_t at = 0;
  CHECK(read_some(reader, UINT64_MAX, &at) == expected && at <= bad);
  CHECK(err.code == expected);
  p2p_result_reader_free(reader);
  p2p_result_free(result);
  p2p_blob_free(object);
}

TEST(a_result_is_refused_in_the_middle) {
  begin_result();
  uint64_t bad = p2p_blob_size(object);
  integer(P2P_R_INTEGERS), integer(-2);
  check_refused(bad, false, P2P_ERR_PARSE);
  begin_result();
  integer(P2P_R_ALTREP); /* more memory than allowed */
  integer(P2P_R_PAIRS), symbol("compact_intseq");
  integer(P2P_R_PAIRS), symbol("base");
  integer(P2P_R_PAIRS), number(P2P_R_INTEGERS);
  null();
  integer(P2P_R_DOUBLES), integer(3), real(MEMORY), real(1), real(1);
  check_refused(bad, false, P2P_ERR_TOO_LARGE);
  begin_result();
  integer(P2P_R_GLOBAL_ENVIRONMENT);
  check_refused(bad, true, P2P_ERR_INVALID);
  CHECK_STR(err.reason, "not_data");
  begin();
  integer(P2P_R_RAWS);
  check_refused(0, false, P2P_ERR_PARSE); /* not a list */
}

/* The last chunk is given only if all is right, so R never has the whole of another object. */
TEST(a_result_of_another_class_or_with_bytes_after_it_is_never_given_whole) {
  for (int i = 0; i < 2; i++) {
    begin_result();
    number(1);
    if (i == 0)
      end_result(), integer(0);
    else
      cell(0, "class"), one_string("lm"), null();
    uint64_t size = p2p_blob_size(object), at = 0;
    struct p2p_result *result = p2p_result_new(size);
    feed(result, 0, size / 2, 10000);
    struct p2p_result_reader *reader = reader_of(result, false);
    feed(result, size / 2, size, 10000);
    CHECK(read_some(reader, UINT64_MAX, &at) == P2P_ERR_PARSE && at < size - 20);
    p2p_result_reader_free(reader);
    p2p_result_free(result);
    p2p_blob_free(object);
  }
}

TEST(a_result_that_breaks_is_lost) {
  large_result();
  for (int i = 0; i < 2; i++) { /* before and after the check begins */
    struct p2p_result *result = p2p_result_new(p2p_blob_size(object));
    uint64_t at = 0;
    feed(result, 0, 200000, 1000);
    if (i == 0) p2p_result_break(result);
    struct p2p_result_reader *reader = reader_of(result, false);
    if (i == 1) CHECK(read_some(reader, 100000, &at) == P2P_READING_BYTES);
    if (i == 1) p2p_result_break(result);
    CHECK(read_some(reader, UINT64_MAX, &at) == P2P_ERR_LOST && err.code == P2P_ERR_LOST);
    p2p_result_reader_free(reader);
    p2p_result_free(result);
  }
  p2p_blob_free(object);
}

UNIT_MAIN("result_reader", UNIT(a_result_is_read_while_it_arrives_in_pieces_of_any_size),
          UNIT(a_result_is_read_before_it_is_whole_and_again_from_the_start),
          UNIT(a_large_result_is_freed_as_it_is_read), UNIT(a_result_is_refused_in_the_middle),
          UNIT(a_result_of_another_class_or_with_bytes_after_it_is_never_given_whole),
          UNIT(a_result_that_breaks_is_lost))
