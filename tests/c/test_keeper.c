/* proc/keeper: nothing that a program has started outlives it, and nothing else is touched. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "proc/keeper.h"

#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit.h"

#ifdef __linux__
#define PROGRAM_ENDS 7

/* `alive`: reaches its end when no process of the program is left. `ready`: what it writes. */
struct kept {
  pid_t keeper;
  int alive, lifeline;
};

/* A process in a session of its own, without a parent, that runs until it is killed. */
static void start_daemon(void (*run)(void)) {
  pid_t first = fork();
  if (first == 0) {
    setsid();
    if (fork() > 0) _exit(0);
    run();
  }
  waitpid(first, NULL, 0);
}

static void run_forever(void) {
  if (write(9, "d", 1) != 1) _exit(1);
  for (;;) pause();
}

/* Ends at once, but not before another one like it runs. */
static void run_as_comet(void) {
  if (write(9, "d", 1) != 1) _exit(1);
  while (fork() == 0) continue;
  _exit(0);
}

static void run_apart(void) {
  setsid();
  run_forever();
}

static bool is_at_end(int fd, int timeout_ms) {
  struct pollfd end = {.fd = fd, .events = POLLIN};
  char byte;
  while (poll(&end, 1, timeout_ms) == 1)
    if (read(fd, &byte, 1) <= 0) return true;
  return false;
}

/* Starts a program in a group of its own, as proc/process does. `run` has descriptor 9 for `alive`.
 */
static void start(struct kept *kept, void (*run)(void)) {
  int alive[2], lifeline[2];
  CHECK(pipe2(alive, O_CLOEXEC) == 0);
  CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, lifeline) == 0);
  kept->keeper = fork();
  if (kept->keeper == 0) {
    struct p2p_err err;
    int end = fcntl(lifeline[1], F_DUPFD, 20), out = fcntl(alive[1], F_DUPFD, 21);
    for (int fd = 3; fd < 20; fd++) close(fd);
    setsid();
    if (dup2(end, 4) != 4 || p2p_keeper_enter(4, &err) != P2P_OK || dup2(out, 9) != 9) _exit(99);
    close(out);
    run();
    _exit(PROGRAM_ENDS);
  }
  close(alive[1]);
  close(lifeline[1]);
  kept->alive = alive[0];
  kept->lifeline = lifeline[0];
}

static void expect(const struct kept *kept, const char *bytes) {
  char byte = 0;
  for (; *bytes != '\0'; bytes++) CHECK(read(kept->alive, &byte, 1) == 1 && byte == *bytes);
}

/* Waits for the end of the keeper, when nothing else must be left. Returns its status. */
static int finish(struct kept *kept) {
  int status = -1;
  CHECK(waitpid(kept->keeper, &status, 0) == kept->keeper);
  CHECK(is_at_end(kept->alive, 0));
  close(kept->alive);
  if (kept->lifeline >= 0) close(kept->lifeline);
  return status;
}

static void start_daemons(void) {
  start_daemon(run_forever);
  start_daemon(run_forever);
  if (fork() == 0) run_apart();
}

static void start_daemons_and_wait(void) {
  start_daemons();
  if (write(9, "p", 1) != 1) _exit(1);
  for (;;) pause();
}

static void start_comets(void) {
  start_daemon(run_as_comet);
  start_daemon(run_as_comet);
}

static void on_interrupt(int number) {
  (void)number;
  _exit(5);
}

static void wait_for_interrupt(void) {
  signal(SIGINT, on_interrupt);
  if (write(9, "p", 1) != 1) _exit(1);
  for (;;) pause();
}

TEST(daemons_end_with_the_program) {
  struct kept kept;
  start(&kept, start_daemons);
  int status = finish(&kept);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == PROGRAM_ENDS);
  start(&kept, start_comets);
  status = finish(&kept);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == PROGRAM_ENDS);
}

TEST(its_signal_kills_all) {
  struct kept kept;
  start(&kept, start_daemons_and_wait);
  char bytes[4];
  for (int i = 0; i < 4; i++) CHECK(read(kept.alive, bytes + i, 1) == 1);
  CHECK(kill(-kept.keeper, P2P_KEEPER_KILL) == 0);
  int status = finish(&kept);
  CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

TEST(the_end_of_the_lifeline_kills_all) {
  struct kept kept;
  start(&kept, start_daemons_and_wait);
  char bytes[4];
  for (int i = 0; i < 4; i++) CHECK(read(kept.alive, bytes + i, 1) == 1);
  close(kept.lifeline);
  kept.lifeline = -1;
  int status = finish(&kept);
  CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

TEST(interrupts_are_passed_on) {
  struct kept kept;
  start(&kept, wait_for_interrupt);
  expect(&kept, "p");
  CHECK(kill(-kept.keeper, SIGINT) == 0);
  int status = finish(&kept);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 5);
}

/* Whether the state of the keeper's only child becomes `state`, or something else. */
static bool becomes(const struct kept *kept, char state, bool is_state) {
  char path[64], text[256];
  long child = 0;
  snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)kept->keeper, (int)kept->keeper);
  FILE *file = fopen(path, "re");
  if (file == NULL || fscanf(file, "%ld", &child) != 1) return false;
  fclose(file);
  snprintf(path, sizeof path, "/proc/%ld/stat", child);
  for (int i = 0; i < 1000; i++, poll(NULL, 0, 10)) {
    memset(text, 0, sizeof text);
    if ((file = fopen(path, "re")) == NULL) return false;
    (void)!fread(text, 1, sizeof text - 1, file);
    fclose(file);
    const char *end = strrchr(text, ')');
    if (end != NULL && (end[2] == state) == is_state) return true;
  }
  return false;
}

TEST(the_program_stands_still_and_goes_on) {
  struct kept kept;
  start(&kept, wait_for_interrupt);
  expect(&kept, "p");
  CHECK(kill(-kept.keeper, P2P_KEEPER_STOP) == 0 && becomes(&kept, 'T', true));
  CHECK(kill(-kept.keeper, P2P_KEEPER_CONTINUE) == 0 && becomes(&kept, 'T', false));
  CHECK(kill(-kept.keeper, P2P_KEEPER_STOP) == 0 && becomes(&kept, 'T', true));
  close(kept.lifeline);
  kept.lifeline = -1;
  int status = finish(&kept);
  CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

TEST(a_keeper_that_is_killed_takes_the_program_along) {
  struct kept kept;
  start(&kept, wait_for_interrupt);
  expect(&kept, "p");
  CHECK(kill(kept.keeper, SIGKILL) == 0);
  CHECK(is_at_end(kept.alive, 10000));
  (void)finish(&kept);
}

/* An orphan of another child of this process, from while the keeper runs. */
TEST(processes_of_others_stay) {
  struct kept kept, other = {.lifeline = -1};
  int alive[2], stop[2];
  char byte;
  start(&kept, wait_for_interrupt);
  expect(&kept, "p");
  CHECK(pipe2(alive, O_CLOEXEC) == 0 && pipe2(stop, O_CLOEXEC) == 0);
  other.keeper = fork();
  if (other.keeper == 0) {
    if (fork() > 0) _exit(0);
    close(stop[1]);
    setsid();
    (void)!read(stop[0], &byte, 1);
    _exit(write(alive[1], "x", 1) == 1 ? 0 : 1);
  }
  close(alive[1]);
  close(stop[0]);
  waitpid(other.keeper, NULL, 0);
  CHECK(kill(-kept.keeper, P2P_KEEPER_KILL) == 0);
  (void)finish(&kept);
  close(stop[1]); /* it was waiting for this, and runs on */
  CHECK(read(alive[0], &byte, 1) == 1 && byte == 'x');
  close(alive[0]);
}

UNIT_MAIN("keeper", UNIT(daemons_end_with_the_program), UNIT(its_signal_kills_all),
          UNIT(the_end_of_the_lifeline_kills_all), UNIT(interrupts_are_passed_on),
          UNIT(the_program_stands_still_and_goes_on),
          UNIT(a_keeper_that_is_killed_takes_the_program_along), UNIT(processes_of_others_stay))
#else
TEST(it_is_an_error_elsewhere) {
  struct p2p_err err;
  CHECK(p2p_keeper_enter(-1, &err) == P2P_ERR_SYSTEM);
}

UNIT_MAIN("keeper", UNIT(it_is_an_error_elsewhere))
#endif
