/* A program beside a worker: what it says first, and how both ends see the end of the other. */
#include "worker/companion.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit.h"
#include "worker/lifeline.h"

#define WAIT_MS 60000

static struct p2p_loop *loop;
static struct p2p_log_queue *logged;

static int start(const char *script, struct p2p_companion **out, struct p2p_err *err) {
  const char *argv[] = {"sh", "-c", script, NULL};
  const struct p2p_companion_config config = {loop, "dashboard", argv, "hello\n"};
  return p2p_companion_new(&config, logged, out, err);
}

TEST(its_first_line_is_kept_for_who_takes_it_and_not_logged) {
  struct p2p_companion *companion = NULL;
  struct p2p_log_line line;
  char text[P2P_COMPANION_LINE_MAX];
  CHECK(p2p_loop_start(&loop, NULL) == P2P_OK);
  logged = p2p_log_queue_new(16);
  CHECK(start("read word; printf '%s ' $word; echo \"its \033secret\"; echo more; cat", &companion,
              NULL) == P2P_OK);
  CHECK(p2p_log_queue_next(logged, WAIT_MS, &line));
  CHECK(line.level == P2P_LOG_INFO && strcmp(line.event, "dashboard") == 0);
  CHECK_STR(line.text, "the dashboard is ready: its address is on standard output");
  CHECK(p2p_companion_take(companion, text));
  CHECK_STR(text, "hello its ?secret");
  CHECK(!p2p_companion_take(companion, text));
  p2p_companion_free(companion); /* cat still reads */
  CHECK(!p2p_log_queue_next(logged, 0, &line));
}

TEST(a_long_first_line_is_cut) {
  struct p2p_companion *companion = NULL;
  struct p2p_log_line line;
  char text[P2P_COMPANION_LINE_MAX];
  CHECK(start("for i in 1 2 3 4 5 6 7; do printf '%0100d' 0; done; echo; cat", &companion, NULL) ==
        P2P_OK);
  CHECK(p2p_log_queue_next(logged, WAIT_MS, &line));
  CHECK(p2p_companion_take(companion, text) && strlen(text) == sizeof text - 1);
  p2p_companion_free(companion);
}

TEST(its_end_is_a_warning_with_its_last_line) {
  struct p2p_companion *companion = NULL;
  struct p2p_log_line line;
  char text[P2P_COMPANION_LINE_MAX];
  CHECK(start("echo loading >&2; echo 'no such package' >&2; exit 1", &companion, NULL) == P2P_OK);
  CHECK(p2p_log_queue_next(logged, WAIT_MS, &line));
  CHECK(line.level == P2P_LOG_WARN);
  CHECK_STR(line.text, "the dashboard has ended: no such package; the worker goes on");
  CHECK(!p2p_companion_take(companion, text));
  p2p_companion_free(companion);
  CHECK(start("exit 0", &companion, NULL) == P2P_OK);
  CHECK(p2p_log_queue_next(logged, WAIT_MS, &line));
  CHECK_STR(line.text, "the dashboard has ended; the worker goes on");
  p2p_companion_free(companion);
}

TEST(a_program_that_is_not_there_is_an_error) {
  const char *argv[] = {"no-such-program-here", NULL};
  const struct p2p_companion_config config = {loop, "dashboard", argv, ""};
  struct p2p_companion *companion = NULL;
  struct p2p_err err = {0};
  CHECK(p2p_companion_new(&config, logged, &companion, &err) == P2P_ERR_SYSTEM);
  CHECK(strstr(err.message, "no-such-program-here") != NULL && companion == NULL);
  p2p_companion_free(NULL);
  p2p_loop_stop(loop);
  p2p_log_queue_unref(logged);
  CHECK(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD);
}

/* Forked before any thread of this test; it leads a process group, as a companion does. */
TEST(when_the_other_end_of_its_stdin_closes_it_is_killed) {
  static struct p2p_lifeline lifeline;
  int ends[2], ready[2];
  char byte;
  CHECK(pipe(ends) == 0 && pipe(ready) == 0);
  pid_t child = fork();
  if (child == 0) {
    setpgid(0, 0);
    close(ends[1]);
    if (p2p_lifeline_watch(&lifeline, ends[0]) == 0 && write(ready[1], "", 1) == 1)
      for (;;) pause();
    _exit(1);
  }
  close(ends[0]);
  CHECK(read(ready[0], &byte, 1) == 1);
  CHECK(write(ends[1], "x", 1) == 1); /* bytes are no end */
  close(ends[1]);
  int status = 0;
  CHECK(waitpid(child, &status, 0) == child);
  CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
  close(ready[0]);
  close(ready[1]);
}

UNIT_MAIN("companion", UNIT(when_the_other_end_of_its_stdin_closes_it_is_killed),
          UNIT(its_first_line_is_kept_for_who_takes_it_and_not_logged),
          UNIT(a_long_first_line_is_cut), UNIT(its_end_is_a_warning_with_its_last_line),
          UNIT(a_program_that_is_not_there_is_an_error))
