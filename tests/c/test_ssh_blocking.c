/* What may block while an SSH connection is made, the agent and the files of ~/.ssh, does not block
 * the io thread. */
#include <sys/un.h>

#include "board/ssh_handshake.h"
#include "descriptors.h"
#include "net/timer.h"
#include "ssh_attempt.h"

static struct p2p_timer *ticker;
static int ticks;

static void on_tick(void *arg) {
  (void)arg;
  site_count(&gate, &ticks);
}
static void start_ticker(void *arg) {
  (void)arg;
  ticks = 0;
  ticker = p2p_timer_new(loop, on_tick, NULL);
  p2p_timer_start(ticker, 20, 20);
}
static void stop_ticker(void *arg) {
  (void)arg;
  p2p_timer_free(ticker);
}

/* An agent that accepts connections and never answers. */
static int start_silent_agent(void) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  snprintf(address.sun_path, sizeof address.sun_path, "%s", site_path(&site, "silent_agent"));
  unlink(address.sun_path);
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  CHECK(bind(fd, (struct sockaddr *)&address, sizeof address) == 0 && listen(fd, 8) == 0);
  setenv("SSH_AUTH_SOCK", address.sun_path, 1);
  return fd;
}

static void prepare_with_agent(struct attempt *attempt) {
  prepare(attempt, "stranger");
  attempt->address.identities_only = false;
}

static bool wait_for_request(int agent) {
  int fd = accept(agent, NULL, NULL);
  char byte;
  bool came = recv(fd, &byte, 1, MSG_PEEK) == 1;
  return came && fd >= 0; /* the connection stays open, without an answer */
}

static int count_threads(void) { return count_files("/proc/self/task"); }

TEST(a_site_opens) { open_site(); }

TEST(an_agent_that_never_answers_ends_the_attempt_and_the_loop_goes_on) {
  struct attempt attempt;
  int agent = start_silent_agent();
  CHECK(p2p_loop_call(loop, start_ticker, NULL) == P2P_OK);
  prepare_with_agent(&attempt);
  attempt.timeout_ms = 30000;
  time_t before = time(NULL);
  expect_closed(&attempt, P2P_ERR_TIMEOUT);
  CHECK(time(NULL) - before <= P2P_SSH_AGENT_TIMEOUT_MS / 1000 + 2);
  CHECK_STR(attempt.err.reason, "agent_timeout");
  CHECK(strstr(attempt.err.message, site_path(&site, "silent_agent")) != NULL);
  CHECK(strstr(attempt.err.message, "SSH_AUTH_SOCK") != NULL);
  CHECK(p2p_loop_call(loop, stop_ticker, NULL) == P2P_OK);
  CHECK(ticks >= 100);
  close(agent);
  unsetenv("SSH_AUTH_SOCK");
}

TEST(a_shorter_timeout_than_that_of_the_agent_names_the_agent) {
  struct attempt attempt;
  int agent = start_silent_agent();
  prepare_with_agent(&attempt);
  attempt.timeout_ms = 1500;
  expect_closed(&attempt, P2P_ERR_TIMEOUT);
  CHECK_STR(attempt.err.reason, "agent_timeout");
  close(agent);
  unsetenv("SSH_AUTH_SOCK");
}

/* With a loop of its own, whose end waits for the job. */
TEST(freeing_while_the_agent_is_silent_leaves_no_thread_and_no_descriptor) {
  struct p2p_loop *first = loop;
  struct attempt attempt;
  int agent = start_silent_agent();
  int descriptors = count_descriptors(), threads = count_threads();
  for (int i = 0; i < 5; i++) {
    CHECK(p2p_loop_start(&loop, NULL) == P2P_OK);
    prepare_with_agent(&attempt);
    start(&attempt);
    CHECK(wait_for_request(agent));
    stop(&attempt);
    CHECK(attempt.closed == 0);
    time_t before = time(NULL);
    p2p_loop_stop(loop);
    CHECK(time(NULL) - before <= 2);
  }
  CHECK(count_descriptors() <= descriptors + 5);                            /* the agent's ends */
  for (int i = 0; i < 100 && count_threads() > threads; i++) usleep(10000); /* their last moments */
  CHECK(count_threads() <= threads);
  loop = first;
  close(agent);
  unsetenv("SSH_AUTH_SOCK");
}

/* A file system that does not answer: a FIFO blocks whoever opens it to read. */
static void replace_by_fifo(const char *path) {
  unlink(path);
  CHECK(mkfifo(path, 0600) == 0);
}
static void release_fifo(const char *path) {
  int fd = open(path, O_WRONLY | O_NONBLOCK);
  if (fd >= 0) close(fd);
  unlink(path);
}

TEST(files_that_cannot_be_read_end_the_attempt_and_the_loop_goes_on) {
  struct attempt attempt;
  const char *const names[] = {"slow_config", "slow_key", "slow_known_hosts"};
  for (int i = 0; i < 3; i++) {
    char path[160];
    snprintf(path, sizeof path, "%s", site_path(&site, names[i]));
    replace_by_fifo(path);
    prepare(&attempt, i == 1 ? names[i] : "alice");
    if (i == 0) snprintf(attempt.address.config, sizeof attempt.address.config, "%s", path);
    if (i == 2)
      snprintf(attempt.address.known_hosts, sizeof attempt.address.known_hosts, "%s", path);
    attempt.timeout_ms = 1000;
    CHECK(p2p_loop_call(loop, start_ticker, NULL) == P2P_OK);
    expect_closed(&attempt, P2P_ERR_TIMEOUT);
    CHECK(p2p_loop_call(loop, stop_ticker, NULL) == P2P_OK);
    CHECK(ticks >= 10);
    CHECK_STR(attempt.err.reason, "ssh_files");
    release_fifo(path);
  }
}

TEST(another_connection_goes_on_while_an_attempt_waits_for_the_agent) {
  struct attempt busy, attempt;
  prepare(&busy, "alice");
  busy.run[0] = "cat";
  busy.silent_ms = 1000;
  start(&busy);
  CHECK(site_wait(&gate, &busy.started, 1));
  int agent = start_silent_agent();
  prepare_with_agent(&attempt);
  attempt.timeout_ms = 4000;
  expect_closed(&attempt, P2P_ERR_TIMEOUT);
  CHECK(busy.closed == 0);
  stop(&busy);
  close(agent);
  unsetenv("SSH_AUTH_SOCK");
}

TEST(the_site_closes) { close_site(); }

UNIT_MAIN("ssh_blocking", UNIT(a_site_opens),
          UNIT(an_agent_that_never_answers_ends_the_attempt_and_the_loop_goes_on),
          UNIT(a_shorter_timeout_than_that_of_the_agent_names_the_agent),
          UNIT(freeing_while_the_agent_is_silent_leaves_no_thread_and_no_descriptor),
          UNIT(files_that_cannot_be_read_end_the_attempt_and_the_loop_goes_on),
          UNIT(another_connection_goes_on_while_an_attempt_waits_for_the_agent),
          UNIT(the_site_closes))
