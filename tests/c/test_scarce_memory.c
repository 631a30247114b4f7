/* A client that runs out of memory for large objects in the middle of one. The chunks are those of
 * this file, of which there are only a few (base/chunks is not linked). */
#include <stdatomic.h>

#include "base/chunks.h"
#include "client/result_reader.h"
#include "client/settle.h"
#include "task_stream_fixture.h"

static atomic_int n_left, n_used;

uint8_t *p2p_chunk_new(void) {
  if (atomic_fetch_sub(&n_left, 1) <= 0) {
    atomic_fetch_add(&n_left, 1);
    return NULL;
  }
  atomic_fetch_add(&n_used, 1);
  return malloc(P2P_CHUNK_BYTES);
}
void p2p_chunk_free(uint8_t *chunk) {
  if (chunk == NULL) return;
  atomic_fetch_add(&n_left, 1);
  atomic_fetch_sub(&n_used, 1);
  free(chunk);
}
void p2p_chunks_keep(uint64_t bytes) { (void)bytes; }
uint64_t p2p_chunks_kept(void) { return 0; }

#define SIZE 1000000 /* 16 chunks */
static const uint8_t piece[50000];

/* All of it arrives, whatever the client makes of it. */
static void arrive(struct p2p_task_stream *stream, uint32_t id, uint8_t type, size_t size) {
  CHECK(announce(stream, type, id, size) == P2P_OK);
  for (size_t at = 0; at < size; at += sizeof piece)
    CHECK(take(stream, P2P_FRAME_DATA, id, piece, sizeof piece, 0) == P2P_OK);
}

static struct p2p_schedule_worker numbers(struct p2p_task_stream *stream) {
  struct p2p_schedule_worker out;
  p2p_task_stream_describe(stream, 0, &out);
  return out;
}

/* Starts the first task, with enough memory. */
static struct p2p_task *start_first(struct p2p_task_stream *stream, uint32_t retries,
                                    uint32_t *id) {
  atomic_store(&n_left, 100);
  CHECK(slot(stream, P2P_SLOT_GRANT, 1, 0) == P2P_OK);
  struct p2p_task *task = start_with(stream, 0, retries);
  *id = sent[n_sent - 1].task;
  return task;
}

TEST(a_result_that_does_not_fit_fails_alone_wherever_memory_ends) {
  for (int chunks = 0; chunks < 20; chunks++) {
    struct p2p_task_stream *stream = stream_new(1);
    uint32_t id;
    struct p2p_task *task = start_first(stream, 5, &id);
    atomic_store(&n_left, chunks);
    arrive(stream, id, P2P_FRAME_RESULT, SIZE);
    if (chunks >= SIZE / P2P_CHUNK_BYTES + 1) {
      CHECK(p2p_task_state(task) == P2P_TASK_DONE);
    } else {
      CHECK(p2p_task_state(task) == P2P_TASK_FAILED && p2p_task_read(task) == NULL);
      p2p_task_error(task, &err);
      CHECK(err.code == P2P_ERR_MEMORY);
      CHECK_STR(err.message, "out of memory for its result");
      CHECK(sent[n_sent - 1].type == P2P_FRAME_CANCEL && sent[n_sent - 1].task == id);
      CHECK(atomic_load(&n_used) == 0); /* nothing of it is kept */
    }
    CHECK(numbers(stream).busy == 0 && numbers(stream).held == 1 && again.length == 0);
    p2p_task_free(task);
    atomic_store(&n_left, 20);
    task = start_with(stream, 1, 0); /* the next one */
    arrive(stream, sent[n_sent - 2].task, P2P_FRAME_RESULT, SIZE);
    CHECK(p2p_task_state(task) == P2P_TASK_DONE);
    p2p_task_free(task);
    p2p_task_stream_free(stream);
    CHECK(atomic_load(&n_used) == 0);
  }
}

TEST(a_result_that_is_read_when_memory_ends_is_never_given_whole) {
  static const struct p2p_r_object_rules rules = {.memory_bytes = 10000000, .content = P2P_R_ANY};
  /* A vector of raw bytes. */
  static const uint8_t head[] = {'B', '\n', 3, 0, 0, 0,    2,    4,    4,   0,   0,
                                 5,   3,    0, 5, 0, 0,    0,    'U',  'T', 'F', '-',
                                 '8', 24,   0, 0, 0, 0x40, 0x42, 0x0f, 0};
  for (int chunks = 1; chunks < 16; chunks += 3) {
    struct p2p_task_stream *stream = stream_new(1);
    uint32_t id;
    struct p2p_task *task = start_first(stream, 0, &id);
    atomic_store(&n_left, chunks);
    CHECK(announce(stream, P2P_FRAME_RESULT, id, 1100000) == P2P_OK); /* more than a MiB */
    CHECK(take(stream, P2P_FRAME_DATA, id, head, sizeof head, 0) == P2P_OK);
    struct p2p_result *result = p2p_task_read(task);
    CHECK(result != NULL);
    struct p2p_result_reader *reader = p2p_result_reader_new(result, &rules, UINT64_MAX);
    uint64_t got = 0;
    int code = P2P_READING_WAIT;
    for (int i = 0; i < 21 && code >= 0; i++) {
      const uint8_t *bytes;
      size_t length;
      while ((code = p2p_result_reader_next(reader, &bytes, &length, &err)) == P2P_READING_BYTES)
        got += length;
      CHECK(take(stream, P2P_FRAME_DATA, id, piece, sizeof piece, 0) == P2P_OK);
    }
    CHECK(code == P2P_ERR_LOST && got <= (uint64_t)chunks * P2P_CHUNK_BYTES);
    CHECK(p2p_task_state(task) == P2P_TASK_FAILED);
    p2p_result_reader_free(reader);
    p2p_task_free(task);
    p2p_task_stream_fail(stream, &err, &again);
    p2p_task_stream_free(stream);
    CHECK(atomic_load(&n_used) == 0);
  }
}

TEST(a_condition_that_does_not_fit_fails_its_task) {
  for (int chunks = 0; chunks < 3; chunks++) {
    struct p2p_task_stream *stream = stream_new(1);
    uint32_t id;
    struct p2p_task *task = start_first(stream, 5, &id);
    atomic_store(&n_left, chunks);
    arrive(stream, id, P2P_FRAME_CONDITION, 300000);
    p2p_task_error(task, &err);
    CHECK_STR(err.message, "out of memory for its condition");
    arrive(stream, id, P2P_FRAME_RESULT, 100000);
    CHECK(numbers(stream).busy == 0 && p2p_task_next_condition(task) == NULL);
    p2p_task_free(task);
    p2p_task_stream_free(stream);
    CHECK(atomic_load(&n_used) == 0);
  }
}

TEST(a_part_for_which_there_is_no_copy_is_checked_when_it_is_sent) {
  static uint8_t memory[200000];
  for (int changes = 0; changes < 2; changes++) {
    struct p2p_task_stream *stream = stream_new(1);
    atomic_store(&n_left, 100);
    struct p2p_task *task = p2p_task_new(p2p_blob_new(0), "x");
    struct p2p_part *part = p2p_part_new();
    CHECK(p2p_part_borrow(part, memory, sizeof memory) == P2P_OK && p2p_part_end(part) == P2P_OK);
    p2p_part_list_add(p2p_task_parts(task), part);
    CHECK(p2p_task_submit(task, 0));
    p2p_task_ref(task);
    atomic_store(&n_left, 2);
    p2p_settle(task); /* before any of it was sent */
    CHECK(atomic_load(&n_used) == 0);
    memory[0] = (uint8_t)changes;
    CHECK(slot(stream, P2P_SLOT_GRANT, 1, 0) == P2P_OK && p2p_task_start(task, WORKER));
    CHECK(p2p_task_stream_start(stream, task) == P2P_OK);
    CHECK(take(stream, P2P_FRAME_NEED, sent[n_sent - 1].task, "\0\0\0\1", 4, 0) == P2P_OK);
    queued_bytes = 0;
    CHECK(p2p_task_stream_on_drain(stream) == P2P_OK);
    CHECK(p2p_task_state(task) == (changes ? P2P_TASK_FAILED : P2P_TASK_RUNNING));
    p2p_task_stream_fail(stream, &err, &again);
    p2p_task_stream_free(stream);
    p2p_task_free(task);
    memory[0] = 0;
  }
}

UNIT_MAIN("scarce_memory", UNIT(a_result_that_does_not_fit_fails_alone_wherever_memory_ends),
          UNIT(a_result_that_is_read_when_memory_ends_is_never_given_whole),
          UNIT(a_condition_that_does_not_fit_fails_its_task),
          UNIT(a_part_for_which_there_is_no_copy_is_checked_when_it_is_sent))
