/* base/log_queue: lines cross threads in order; the queue is bounded, and dropped lines are
 * counted. */
#include "base/log_queue.h"

#include <pthread.h>

#include "base/clock.h"
#include "unit.h"

TEST(lines_come_in_order) {
  struct p2p_log_queue *log = p2p_log_queue_new(10);
  struct p2p_log_line line;
  CHECK(!p2p_log_queue_next(log, 0, &line));
  p2p_log_write(log, P2P_LOG_INFO, "joined %s", "a/b");
  struct p2p_err err;
  p2p_err_set(&err, P2P_ERR_ACCESS, "no access");
  p2p_log_error(log, P2P_LOG_FATAL, &err);
  p2p_log_event(log, P2P_LOG_INFO, "left", "%d left", 1);
  CHECK(p2p_log_queue_next(log, 0, &line));
  CHECK(line.level == P2P_LOG_INFO && line.code == 0 && line.event == NULL);
  CHECK_STR(line.text, "joined a/b");
  CHECK(p2p_log_queue_next(log, -1, &line));
  CHECK(line.level == P2P_LOG_FATAL && line.code == P2P_ERR_ACCESS);
  CHECK_STR(line.text, "no access");
  CHECK(p2p_log_queue_next(log, -1, &line) && line.event != NULL && line.reason == NULL);
  CHECK_STR(line.event, "left");
  CHECK_STR(line.text, "1 left");
  CHECK(!p2p_log_queue_next(log, 0, &line));
  p2p_log_queue_unref(log);
  p2p_log_queue_unref(NULL);
}

TEST(the_oldest_lines_are_dropped_and_counted) {
  struct p2p_log_queue *log = p2p_log_queue_new(3);
  for (int i = 0; i < 5; i++) p2p_log_write(log, P2P_LOG_INFO, "%d", i);
  struct p2p_log_line line;
  CHECK(p2p_log_queue_next(log, 0, &line));
  CHECK(line.level == P2P_LOG_WARN && strncmp(line.text, "2 earlier lines", 15) == 0);
  for (int i = 2; i < 5; i++) {
    CHECK(p2p_log_queue_next(log, 0, &line));
    CHECK(line.text[0] == '0' + i);
  }
  CHECK(!p2p_log_queue_next(log, 0, &line));
  p2p_log_write(log, P2P_LOG_INFO, "left unread");
  p2p_log_queue_unref(log);
}

TEST(a_wait_ends_after_its_timeout) {
  struct p2p_log_queue *log = p2p_log_queue_new(3);
  struct p2p_log_line line;
  uint64_t before_ms = p2p_clock_ms();
  CHECK(!p2p_log_queue_next(log, 30, &line));
  uint64_t waited_ms = p2p_clock_ms() - before_ms;
  CHECK(waited_ms >= 29 && waited_ms < 10000);
  p2p_log_queue_unref(log);
}

static void *write_many(void *log) {
  for (int i = 0; i < 1000; i++) p2p_log_write(log, P2P_LOG_DEBUG, "%d", i);
  return NULL;
}

TEST(a_waiting_reader_is_woken) {
  struct p2p_log_queue *log = p2p_log_queue_new(100000);
  pthread_t threads[2];
  for (int i = 0; i < 2; i++) CHECK(pthread_create(&threads[i], NULL, write_many, log) == 0);
  struct p2p_log_line line;
  int taken = 0;
  while (taken < 2000 && p2p_log_queue_next(log, 10000, &line)) taken++;
  CHECK(taken == 2000);
  for (int i = 0; i < 2; i++) pthread_join(threads[i], NULL);
  p2p_log_queue_unref(log);
}

UNIT_MAIN("log_queue", UNIT(lines_come_in_order), UNIT(the_oldest_lines_are_dropped_and_counted),
          UNIT(a_wait_ends_after_its_timeout), UNIT(a_waiting_reader_is_woken))
