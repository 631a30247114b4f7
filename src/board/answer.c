/* The whole output of a short command on the board, collected up to a cap. */
#include "board/answer.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/buf.h"

struct p2p_answer {
  struct p2p_ssh_command *command;
  struct p2p_buf text;
  bool is_too_long;
  void (*fn)(void *arg, const char *text, size_t length);
  void *arg;
};

static void on_start(void *arg) { (void)arg; }

static void on_output(void *arg, const char *bytes, size_t length) {
  struct p2p_answer *answer = arg;
  if (p2p_buf_put(&answer->text, bytes, length) != P2P_OK) answer->is_too_long = true;
}

static void on_end(void *arg, int exit_status) {
  struct p2p_answer *answer = arg;
  (void)exit_status; /* the board ends what it does not know with 0 as well: only the text tells */
  if (answer->is_too_long) {
    answer->fn(answer->arg, NULL, 0);
  } else {
    size_t length = p2p_buf_len(&answer->text);
    answer->fn(answer->arg, length == 0 ? "" : (const char *)p2p_buf_data(&answer->text), length);
  }
}

int p2p_answer_ask(struct p2p_ssh *ssh, const char *command, void (*fn)(void *arg, const char *text, size_t length),
                   void *arg, struct p2p_answer **out, struct p2p_err *err) {
  static const struct p2p_ssh_command_events events = {on_start, on_output, on_end};
  struct p2p_answer *answer = calloc(1, sizeof *answer);
  if (answer == NULL) return p2p_err_set(err, P2P_ERR_MEMORY, "Out of memory.");
  p2p_buf_init(&answer->text, P2P_ANSWER_MAX);
  answer->fn = fn;
  answer->arg = arg;
  int code = p2p_ssh_run(ssh, command, &events, answer, &answer->command, err);
  if (code != P2P_OK) {
    free(answer);
    return code;
  }
  *out = answer;
  return P2P_OK;
}

void p2p_answer_free(struct p2p_answer *answer) {
  if (answer == NULL) return;
  p2p_ssh_command_free(answer->command);
  p2p_buf_clear(&answer->text);
  free(answer);
}
