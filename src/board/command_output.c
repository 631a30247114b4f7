/* The whole output of a short command on the board. */
#include "board/command_output.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/buf.h"

struct p2p_command_output {
  struct p2p_loop *loop;
  struct p2p_ssh_command *command;
  struct p2p_buf text;
  bool is_too_long;
  void (*fn)(void *arg, const char *text, size_t length);
  void *arg;
  struct p2p_post free_post;
};

static void on_start(void *arg) { (void)arg; }

static void on_output(void *arg, const char *bytes, size_t length) {
  struct p2p_command_output *output = arg;
  if (p2p_buf_put(&output->text, bytes, length) != P2P_OK) output->is_too_long = true;
}

static void on_end(void *arg, int exit_status) {
  struct p2p_command_output *output = arg;
  (void)exit_status; /* 0 also for unknown commands: only the text counts */
  if (output->is_too_long) {
    output->fn(output->arg, NULL, 0);
  } else {
    size_t length = p2p_buf_len(&output->text);
    output->fn(output->arg, length == 0 ? "" : (const char *)p2p_buf_data(&output->text), length);
  }
}

int p2p_command_output_request(struct p2p_ssh *ssh, const char *command,
                               void (*fn)(void *arg, const char *text, size_t length), void *arg,
                               struct p2p_command_output **out, struct p2p_err *err) {
  static const struct p2p_ssh_command_callbacks callbacks = {on_start, on_output, on_end};
  struct p2p_command_output *output = calloc(1, sizeof *output);
  if (output == NULL) return p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
  p2p_buf_init(&output->text, P2P_COMMAND_OUTPUT_MAX);
  output->loop = p2p_ssh_loop(ssh);
  output->fn = fn;
  output->arg = arg;
  int code = p2p_ssh_run(ssh, command, &callbacks, output, &output->command, err);
  if (code != P2P_OK) {
    free(output);
    return code;
  }
  *out = output;
  return P2P_OK;
}

static void free_memory(void *arg) {
  struct p2p_command_output *output = arg;
  p2p_buf_clear(&output->text);
  free(output);
}

void p2p_command_output_free(struct p2p_command_output *output) {
  if (output == NULL) return;
  p2p_ssh_command_free(output->command);
  output->free_post = (struct p2p_post){.fn = free_memory, .arg = output};
  p2p_loop_defer(output->loop, &output->free_post);
}
