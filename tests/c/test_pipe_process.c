/* A child process with its stdin and stdout as pipes. */
#include "proc/pipe_process.h"

#include "net/loop.h"
#include "sshd_fixture.h"

static struct site_gate gate = SITE_GATE;
static struct p2p_loop *loop;

struct talk {
  const char *script, *program;
  struct p2p_pipe_process *piped;
  struct p2p_err err;
  char text[64], errors[64];
  int code, heard, ended, status;
  bool free_in_output, free_in_end;
};

static void on_output(void *arg, const char *bytes, size_t length) {
  struct talk *talk = arg;
  strncat(talk->text, bytes, length < 32 ? length : 32);
  if (talk->free_in_output) p2p_pipe_process_free(talk->piped);
  site_count(&gate, &talk->heard);
}

static void on_end(void *arg, int status, const char *errors) {
  struct talk *talk = arg;
  talk->status = status;
  snprintf(talk->errors, sizeof talk->errors, "%.60s", errors);
  if (talk->free_in_end) p2p_pipe_process_free(talk->piped);
  site_count(&gate, &talk->ended);
}

static void spawn(void *arg) {
  static const struct p2p_pipe_process_callbacks callbacks = {on_output, on_end};
  struct talk *talk = arg;
  const char *argv[] = {talk->program == NULL ? "sh" : talk->program, "-c", talk->script, NULL};
  talk->code =
      p2p_pipe_process_spawn(p2p_loop_uv(loop), argv, &callbacks, talk, &talk->piped, &talk->err);
  if (talk->code == P2P_OK) CHECK(p2p_pipe_process_write(talk->piped, "hello\n", 6) == P2P_OK);
}

static void leave(void *arg) { p2p_pipe_process_free(((struct talk *)arg)->piped); }

TEST(it_hears_answers_and_tells_how_it_ended) {
  struct talk talk = {.script = "read line; echo \"$line too\"; echo sorry >&2; exit 3"};
  CHECK(p2p_loop_start(&loop, NULL) == P2P_OK);
  CHECK(p2p_loop_call(loop, spawn, &talk) == P2P_OK);
  CHECK(site_wait(&gate, &talk.ended, 1));
  CHECK_STR(talk.text, "hello too\n");
  CHECK_STR(talk.errors, "sorry\n");
  CHECK(talk.status == 3);
  CHECK(p2p_loop_call(loop, leave, &talk) == P2P_OK);
}

TEST(one_that_runs_on_is_killed_when_it_is_given_back) {
  struct talk talk = {.script = "cat"};
  CHECK(p2p_loop_call(loop, spawn, &talk) == P2P_OK);
  CHECK(site_wait(&gate, &talk.heard, 1));
  CHECK(p2p_loop_call(loop, leave, &talk) == P2P_OK);
  CHECK(talk.ended == 0);
}

TEST(one_that_lives_on_without_its_pipes_is_killed) {
  struct talk talk = {.script = "exec >&- 2>&-; read first; read second"};
  CHECK(p2p_loop_call(loop, spawn, &talk) == P2P_OK);
  CHECK(site_wait(&gate, &talk.ended, 1));
  CHECK(talk.status == -1);
  CHECK(p2p_loop_call(loop, leave, &talk) == P2P_OK);
}

TEST(it_can_be_freed_in_each_callback) {
  struct talk first = {.script = "echo x; echo y >&2; cat", .free_in_output = true};
  struct talk second = {.script = "echo x", .free_in_end = true};
  struct talk third = {.script = "exec >&- 2>&-; sleep 60", .free_in_end = true}; /* killed */
  CHECK(p2p_loop_call(loop, spawn, &first) == P2P_OK);
  CHECK(p2p_loop_call(loop, spawn, &second) == P2P_OK);
  CHECK(p2p_loop_call(loop, spawn, &third) == P2P_OK);
  CHECK(site_wait(&gate, &first.heard, 1));
  CHECK(site_wait(&gate, &second.ended, 1));
  CHECK(site_wait(&gate, &third.ended, 1));
  CHECK(first.heard == 1 && first.ended == 0);
}

TEST(a_program_that_is_not_there_is_an_error) {
  struct talk talk = {.program = "no-such-program-here", .script = ""};
  CHECK(p2p_loop_call(loop, spawn, &talk) == P2P_OK);
  CHECK(talk.code == P2P_ERR_SYSTEM && strstr(talk.err.message, "no-such-program-here") != NULL);
  p2p_loop_stop(loop);
  CHECK(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD);
}

UNIT_MAIN("piped", UNIT(it_hears_answers_and_tells_how_it_ended),
          UNIT(one_that_runs_on_is_killed_when_it_is_given_back),
          UNIT(one_that_lives_on_without_its_pipes_is_killed),
          UNIT(it_can_be_freed_in_each_callback), UNIT(a_program_that_is_not_there_is_an_error))
