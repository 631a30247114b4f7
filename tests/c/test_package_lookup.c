/* Requests for packages that are answered on another thread. */
#include "worker/package_lookup.h"

#include <dirent.h>
#include <poll.h>

#include "protocol/package_list.h"
#include "sshd_fixture.h"

#define LIBRARIES 200

static struct site_gate gate = SITE_GATE;
static struct p2p_loop *loop;
static struct p2p_package_lookup *lookup;
static char libraries[LIBRARIES * 16], names[2 * P2P_PACKAGE_REQUEST_MAX];
static const char *request;
static int code, start_code, replies;
static size_t reply_length;
static int threads_before;

static void on_reply(void *arg, int reply_code, const struct p2p_buf *reply) {
  (void)arg;
  lookup = NULL;
  code = reply_code;
  reply_length = p2p_buf_len(reply);
  site_count(&gate, &replies);
}

static int count_threads(void) {
  int count = 0;
  DIR *threads = opendir("/proc/self/task");
  while (threads != NULL && readdir(threads) != NULL) count++;
  if (threads != NULL) closedir(threads);
  return count;
}

static void start_here(void *arg) {
  const struct p2p_package_lookup_config config = {
      .loop = loop, .libraries = libraries, .on_reply = on_reply};
  (void)arg;
  start_code = p2p_package_lookup_start(&config, request, strlen(request), &lookup);
}

static void cancel_here(void *arg) {
  (void)arg;
  p2p_package_lookup_cancel(lookup);
  lookup = NULL;
}

/* 200,000 files to open. */
static void prepare_slow_request(void) {
  for (int i = 0; i < LIBRARIES; i++) strcat(libraries, "/no/such/place\n");
  for (int i = 0; i < P2P_PACKAGE_REQUEST_MAX; i++) memcpy(names + 2 * i, "a;", 2);
  names[2 * P2P_PACKAGE_REQUEST_MAX - 1] = '\0';
  request = names;
}

TEST(io_thread_is_free_during_a_lookup) {
  CHECK(p2p_loop_start(&loop, NULL) == P2P_OK);
  threads_before = count_threads();
  prepare_slow_request();
  CHECK(p2p_loop_call(loop, start_here, NULL) == P2P_OK && start_code == P2P_OK);
  CHECK(replies == 0); /* the io thread has returned before the reply */
  CHECK(site_wait(&gate, &replies, 1));
  CHECK(code == P2P_OK && reply_length == 3 * P2P_PACKAGE_REQUEST_MAX - 1);
}

TEST(canceled_lookup_does_not_reply) {
  CHECK(p2p_loop_call(loop, start_here, NULL) == P2P_OK && start_code == P2P_OK);
  CHECK(p2p_loop_call(loop, cancel_here, NULL) == P2P_OK);
  request = "a";
  CHECK(p2p_loop_call(loop, start_here, NULL) == P2P_OK && start_code == P2P_OK);
  CHECK(site_wait(&gate, &replies, 2) && reply_length == 2);
}

/* Canceled lookups count until their threads have ended. */
TEST(number_of_lookups_is_bounded) {
  int started = 0;
  request = names;
  do {
    CHECK(p2p_loop_call(loop, start_here, NULL) == P2P_OK);
    if (start_code == P2P_OK) CHECK(p2p_loop_call(loop, cancel_here, NULL) == P2P_OK);
  } while (start_code == P2P_OK && ++started < 100);
  CHECK(start_code == P2P_ERR_SYSTEM && started <= P2P_PACKAGE_LOOKUPS_MAX + 1);
}

TEST(malformed_requests_are_refused_at_once) {
  request = "../a";
  CHECK(p2p_loop_call(loop, start_here, NULL) == P2P_OK && start_code == P2P_ERR_PARSE);
  CHECK(replies == 2);
}

TEST(nothing_is_left) {
  for (int i = 0; i < 3000 && count_threads() > threads_before; i++) poll(NULL, 0, 20);
  CHECK(count_threads() <= threads_before);
  CHECK(p2p_loop_stop(loop));
}

UNIT_MAIN("package_lookup", UNIT(io_thread_is_free_during_a_lookup),
          UNIT(canceled_lookup_does_not_reply), UNIT(number_of_lookups_is_bounded),
          UNIT(malformed_requests_are_refused_at_once), UNIT(nothing_is_left))
