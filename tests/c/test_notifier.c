/* base/notifier: no notification is missed, several are merged, and a wait has a bound. */
#include "base/notifier.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "unit.h"

static bool is_readable(const struct p2p_notifier *notifier) {
  struct pollfd ready = {.fd = p2p_notifier_fd(notifier), .events = POLLIN};
  return poll(&ready, 1, 0) == 1;
}

TEST(the_descriptor_is_readable_until_it_is_polled) {
  struct p2p_notifier notifier;
  CHECK(p2p_notifier_init(&notifier, NULL) == P2P_OK);
  CHECK(!is_readable(&notifier) && p2p_notifier_poll(&notifier) == 1);
  for (int i = 0; i < 100000; i++) p2p_notifier_notify(&notifier); /* more than a pipe holds */
  CHECK(is_readable(&notifier));
  CHECK(p2p_notifier_poll(&notifier) == 100001);
  CHECK(!is_readable(&notifier));
  p2p_notifier_notify(&notifier);
  CHECK(is_readable(&notifier));
  p2p_notifier_destroy(&notifier);
}

TEST(a_wait_ends_at_an_earlier_notification_or_after_its_timeout) {
  struct p2p_notifier notifier;
  CHECK(p2p_notifier_init(&notifier, NULL) == P2P_OK);
  CHECK(p2p_notifier_wait(&notifier, 0, 20000) == 1);
  p2p_notifier_notify(&notifier);
  CHECK(p2p_notifier_wait(&notifier, 1, 20000) == 2);
  uint64_t before_ms = p2p_clock_ms();
  CHECK(p2p_notifier_wait(&notifier, 2, 30) == 2);
  uint64_t waited_ms = p2p_clock_ms() - before_ms;
  CHECK(waited_ms >= 29 && waited_ms < 10000);
  CHECK(p2p_notifier_wait(&notifier, 2, -1) == 2);
  p2p_notifier_destroy(&notifier);
}

static void *notify_often(void *notifier) {
  for (int i = 0; i < 10000; i++) p2p_notifier_notify(notifier);
  return NULL;
}

TEST(no_notification_of_another_thread_is_missed) {
  struct p2p_notifier notifier;
  pthread_t threads[2];
  uint64_t seen = 1, last_seen = 0;
  CHECK(p2p_notifier_init(&notifier, NULL) == P2P_OK);
  for (int i = 0; i < 2; i++)
    CHECK(pthread_create(&threads[i], NULL, notify_often, &notifier) == 0);
  while (seen != last_seen && seen < 20001) {
    last_seen = seen;
    seen = p2p_notifier_wait(&notifier, seen, 10000);
  }
  CHECK(seen == 20001);
  for (int i = 0; i < 2; i++) pthread_join(threads[i], NULL);
  p2p_notifier_destroy(&notifier);
}

TEST(a_failed_pipe_is_reported_with_its_reason) {
  struct p2p_notifier notifier;
  struct p2p_err err;
  struct rlimit before, limit;
  CHECK(getrlimit(RLIMIT_NOFILE, &before) == 0);
  limit = before;
  limit.rlim_cur = 0; /* no new descriptors */
  CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
  CHECK(p2p_notifier_init(&notifier, &err) == P2P_ERR_SYSTEM);
  CHECK(errno == EMFILE);
  CHECK(setrlimit(RLIMIT_NOFILE, &before) == 0);
  CHECK_STR(err.message, "cannot create a pipe: Too many open files");
}

TEST(child_processes_do_not_inherit_the_pipe) {
  struct p2p_notifier notifier;
  CHECK(p2p_notifier_init(&notifier, NULL) == P2P_OK);
  for (int i = 0; i < 2; i++) {
    CHECK((fcntl(notifier.pipe[i], F_GETFD) & FD_CLOEXEC) != 0);
    CHECK((fcntl(notifier.pipe[i], F_GETFL) & O_NONBLOCK) != 0);
  }
  p2p_notifier_destroy(&notifier);
}

UNIT_MAIN("notifier", UNIT(the_descriptor_is_readable_until_it_is_polled),
          UNIT(a_wait_ends_at_an_earlier_notification_or_after_its_timeout),
          UNIT(no_notification_of_another_thread_is_missed),
          UNIT(a_failed_pipe_is_reported_with_its_reason),
          UNIT(child_processes_do_not_inherit_the_pipe))
