/* Arrivals: what one thread appends and another one reads. */
#include "client/result.h"

#include <pthread.h>
#include <stdlib.h>

#include "unit.h"

#define SIZE 200003 /* several chunks, and a part of one */

static uint8_t pattern(uint64_t at) { return (uint8_t)(at * 31 + at / 65536); }

static int append(struct p2p_result *result, uint64_t at, size_t length) {
  uint8_t *bytes = malloc(length + 1);
  for (size_t i = 0; i < length; i++) bytes[i] = pattern(at + i);
  int code = p2p_result_append(result, bytes, length);
  free(bytes);
  return code;
}

/* Counts the bytes from `at` that have arrived, and compares them. */
static uint64_t read_from(const struct p2p_result *result, uint64_t at) {
  const uint8_t *bytes;
  uint64_t begin = at;
  for (size_t length; (length = p2p_result_span(result, at, &bytes)) > 0; at += length)
    for (size_t i = 0; i < length; i++) CHECK(bytes[i] == pattern(at + i));
  return at - begin;
}

TEST(bytes_can_be_read_as_soon_as_they_have_arrived) {
  static const size_t pieces[] = {1, 7, 4096, 65535, 65536, 65537, SIZE};
  for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
    struct p2p_result *result = p2p_result_new(SIZE);
    CHECK(p2p_result_size(result) == SIZE && !p2p_result_is_whole(result));
    for (uint64_t at = 0; at < SIZE;) {
      size_t length = SIZE - at < pieces[i] ? (size_t)(SIZE - at) : pieces[i];
      CHECK(append(result, at, length) == P2P_OK);
      CHECK(read_from(result, at) == length);
      at += length;
    }
    CHECK(p2p_result_is_whole(result) && read_from(result, 0) == SIZE);
    CHECK(p2p_result_append(result, "x", 1) == P2P_ERR_TOO_LARGE);
    p2p_result_break(result); /* too late */
    CHECK(!p2p_result_is_broken(result));
    p2p_result_free(result);
  }
}

TEST(an_empty_one_is_whole) {
  struct p2p_result *result = p2p_result_new(0);
  const uint8_t *bytes;
  CHECK(p2p_result_is_whole(result) && p2p_result_span(result, 0, &bytes) == 0);
  p2p_result_free(result);
}

TEST(more_than_the_size_is_refused_and_changes_nothing) {
  struct p2p_result *result = p2p_result_new(10);
  CHECK(append(result, 0, 8) == P2P_OK);
  CHECK(append(result, 8, 3) == P2P_ERR_TOO_LARGE && read_from(result, 0) == 8);
  CHECK(append(result, 8, 2) == P2P_OK && p2p_result_is_whole(result));
  p2p_result_free(result);
}

TEST(what_has_arrived_stays_until_the_last_reference_is_dropped) {
  struct p2p_result *result = p2p_result_new(SIZE);
  CHECK(append(result, 0, 100000) == P2P_OK);
  p2p_result_ref(result);
  p2p_result_break(result);
  p2p_result_free(result);
  CHECK(p2p_result_is_broken(result) && read_from(result, 0) == 100000);
  p2p_result_free(result);
}

TEST(a_watcher_is_notified_once_when_there_is_enough_or_at_the_end) {
  struct p2p_result *result = p2p_result_new(SIZE);
  struct p2p_notifier notifier, other;
  CHECK(p2p_notifier_init(&notifier, NULL) == P2P_OK && p2p_notifier_init(&other, NULL) == P2P_OK);
  CHECK(p2p_result_watch(result, &notifier) && !p2p_result_watch(result, &other));
  uint64_t before = p2p_notifier_poll(&notifier);
  CHECK(!p2p_result_want(result, 1000));
  CHECK(append(result, 0, 999) == P2P_OK && p2p_notifier_poll(&notifier) == before);
  CHECK(append(result, 999, 2) == P2P_OK && p2p_notifier_poll(&notifier) == before + 1);
  CHECK(append(result, 1001, 2) == P2P_OK && p2p_notifier_poll(&notifier) == before + 1);
  CHECK(p2p_result_want(result, 1003));
  CHECK(!p2p_result_want(result, UINT64_MAX)); /* the whole */
  p2p_result_break(result);
  CHECK(p2p_notifier_poll(&notifier) == before + 2 && p2p_result_want(result, SIZE));
  p2p_result_unwatch(result);
  CHECK(p2p_result_watch(result, &other));
  p2p_result_free(result);
  p2p_notifier_destroy(&notifier);
  p2p_notifier_destroy(&other);
}

static void *append_all(void *result) {
  for (uint64_t at = 0; at < SIZE; at += 1000)
    CHECK(append(result, at, SIZE - at < 1000 ? (size_t)(SIZE - at) : 1000) == P2P_OK);
  return NULL;
}

TEST(a_notification_is_never_lost) {
  for (int i = 0; i < 50; i++) {
    struct p2p_result *result = p2p_result_new(SIZE);
    struct p2p_notifier notifier;
    pthread_t thread;
    CHECK(p2p_notifier_init(&notifier, NULL) == P2P_OK && p2p_result_watch(result, &notifier));
    CHECK(pthread_create(&thread, NULL, append_all, result) == 0);
    for (uint64_t at = 0; at < SIZE; at += 777) {
      uint64_t seen = p2p_notifier_poll(&notifier);
      if (!p2p_result_want(result, at + 777))
        CHECK(p2p_notifier_wait(&notifier, seen, 60000) != seen);
      CHECK(read_from(result, at) >= (SIZE - at < 777 ? SIZE - at : 777));
    }
    pthread_join(thread, NULL);
    p2p_result_free(result);
    p2p_notifier_destroy(&notifier);
  }
}

TEST(a_reader_that_frees_what_it_has_read_can_be_behind) {
  static const uint8_t piece[1 << 20];
  struct p2p_notifier notifier;
  struct p2p_result *result = p2p_result_new(P2P_RESULT_AHEAD_BYTES + 2 * sizeof piece);
  CHECK(p2p_notifier_init(&notifier, NULL) == P2P_OK);
  CHECK(!p2p_result_is_ahead(NULL));
  while (!p2p_result_is_whole(result))
    CHECK(p2p_result_append(result, piece, sizeof piece) == P2P_OK);
  CHECK(!p2p_result_is_ahead(result)); /* nobody has begun */
  CHECK(p2p_result_watch(result, &notifier) && !p2p_result_is_ahead(result));
  p2p_result_drop(result, sizeof piece);
  CHECK(p2p_result_is_ahead(result));
  p2p_result_unwatch(result); /* the reader was interrupted */
  CHECK(!p2p_result_is_ahead(result));
  CHECK(p2p_result_watch(result, &notifier) && p2p_result_is_ahead(result));
  p2p_result_drop(result, 2 * sizeof piece);
  CHECK(!p2p_result_is_ahead(result));
  p2p_result_unwatch(result);
  p2p_result_free(result);
  p2p_notifier_destroy(&notifier);
}

UNIT_MAIN("result", UNIT(bytes_can_be_read_as_soon_as_they_have_arrived),
          UNIT(an_empty_one_is_whole), UNIT(more_than_the_size_is_refused_and_changes_nothing),
          UNIT(what_has_arrived_stays_until_the_last_reference_is_dropped),
          UNIT(a_watcher_is_notified_once_when_there_is_enough_or_at_the_end),
          UNIT(a_notification_is_never_lost),
          UNIT(a_reader_that_frees_what_it_has_read_can_be_behind))
