/* An SSH connection by the program `ssh`, for what libssh cannot do: jump hosts, other
 * configuration files, any option of OpenSSH. Every command is an `ssh` of its own, so that there
 * is nothing to connect before the first one; what goes wrong shows by its exit status 255 and by
 * what it says, which is turned into our sentences. No shell is involved, and `ssh` asks nobody. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/sanitize.h"
#include "board/ssh_transport.h"
#include "proc/pipe_process.h"

#define SILENT_MS 20000
#define ARGS_MAX 200
#define SSH_FAILED 255

struct command;

struct program {
  struct p2p_ssh base;
  struct p2p_loop *loop;
  struct p2p_address address;
  struct p2p_ssh_callbacks callbacks;
  void *arg;
  uint32_t timeout_ms, silent_ms;
  char host[256];
  struct p2p_timer *soon;
  struct command *commands;
  bool is_ready, is_closed, freed;
  int depth; /* of our callbacks on the stack */
};

struct command {
  struct p2p_ssh_command base;
  struct command *next;
  struct program *program;
  struct p2p_pipe_process *piped;
  struct p2p_ssh_command_callbacks callbacks;
  void *arg;
  bool is_started, has_ended, freed;
};

/* ---- memory: nothing is freed while one of our callbacks is on the stack ---- */

static void destroy_command(struct command *command) {
  p2p_pipe_process_free(command->piped);
  free(command);
}

static void sweep(struct program *program) {
  if (program->depth > 0) return;
  for (struct command **link = &program->commands; *link != NULL;) {
    struct command *command = *link;
    if (!command->freed && !program->freed) {
      link = &command->next;
      continue;
    }
    *link = command->next;
    destroy_command(command);
  }
  if (!program->freed) return;
  p2p_timer_free(program->soon);
  free(program);
}

static void begin(struct program *program) { program->depth++; }
static void finish(struct program *program) {
  program->depth--;
  sweep(program);
}

static bool is_silent(const struct command *command) {
  return command->freed || command->program->freed || command->program->is_closed;
}

/* ---- what `ssh` says ---- */

int p2p_ssh_program_explain(const char *said, const char *host, struct p2p_err *err) {
  if (strstr(said, "IDENTIFICATION HAS CHANGED") != NULL)
    return p2p_err_set(err, P2P_ERR_HOST_KEY,
                       "REFUSED: the host key of '%s', or of the host on the way to it, is not the "
                       "one in known_hosts. Either the board was "
                       "set up anew, or somebody else answers in its place. Ask who runs the "
                       "board; remove the old key with 'ssh-keygen "
                       "-R' only if the new one is right.",
                       host);
  if (strstr(said, "Host key verification failed") != NULL ||
      strstr(said, "host key is known") != NULL)
    return p2p_err_set(
        err, P2P_ERR_HOST_KEY,
        "The host key of '%s', or of the host on the way to it, is not known. Connect once with "
        "'ssh' and the same "
        "arguments, compare the fingerprint with what whoever runs the board says, and accept it.",
        host);
  if (strstr(said, "Permission denied") != NULL ||
      strstr(said, "Too many authentication failures") != NULL)
    return p2p_err_set(err, P2P_ERR_AUTH,
                       "'%s', or the host on the way to it, let none of your SSH keys in. Give the "
                       "key with ssh_args = c(\"-i\", \"FILE\"), "
                       "for a jump host in ~/.ssh/config, or load it with 'ssh-add FILE' (a key "
                       "with a passphrase only so).",
                       host);
  size_t end = strlen(said), start;
  while (end > 0 && (said[end - 1] == '\n' || said[end - 1] == '\r')) end--;
  for (start = end; start > 0 && said[start - 1] != '\n' && said[start - 1] != '\r';) start--;
  char last[300];
  snprintf(last, sizeof last, "%.*s", (int)(end - start), said + start);
  p2p_sanitize_text(last);
  if (last[0] == '\0')
    return p2p_err_set(err, P2P_ERR_NETWORK,
                       "The connection to the message board '%s' was lost, or it has fallen "
                       "silent: 'ssh' ended without a word.",
                       host);
  return p2p_err_set(
      err, P2P_ERR_NETWORK,
      "The message board '%s' cannot be reached, or the connection was lost. 'ssh' says: %s", host,
      last);
}

static void on_output(void *arg, const char *bytes, size_t length) {
  struct command *command = arg;
  struct program *program = command->program;
  begin(program);
  if (!is_silent(command)) command->callbacks.on_output(command->arg, bytes, length);
  finish(program);
}

static void on_end(void *arg, int exit_status, const char *errors) {
  struct command *command = arg;
  struct program *program = command->program;
  struct p2p_err err;
  begin(program);
  command->has_ended = true;
  if (!is_silent(command) && (exit_status == SSH_FAILED || exit_status < 0)) {
    program->is_closed = true;
    p2p_ssh_program_explain(errors, program->host, &err);
    program->callbacks.on_close(program->arg, &err);
  } else if (!is_silent(command)) {
    command->callbacks.on_end(command->arg, exit_status);
  }
  finish(program);
}

/* What is told as if it came from the network is never told from within the call that began it. */
static void on_soon(void *arg) {
  struct program *program = arg;
  begin(program);
  if (!program->is_ready) {
    program->is_ready = true;
    program->callbacks.on_ready(program->arg);
  }
  for (struct command *command = program->commands; command != NULL; command = command->next) {
    if (command->is_started || command->has_ended || is_silent(command)) continue;
    command->is_started = true;
    command->callbacks.on_start(command->arg);
  }
  finish(program);
}

/* ---- commands ---- */

/* Of an option that is given twice the first one counts: what must be so comes first, then what
 * `host` says, then ssh_args. */
static size_t put_args(const struct program *program, const char *text, const char **argv,
                       char numbers[4][48]) {
  static const char *const fixed[] = {"ssh", "-T",
                                      "-a",  "-x",
                                      "-o",  "BatchMode=yes",
                                      "-o",  "StrictHostKeyChecking=yes",
                                      "-o",  "ForwardAgent=no",
                                      "-o",  "ClearAllForwardings=yes",
                                      "-o",  "PermitLocalCommand=no",
                                      "-o",  "RemoteCommand=none",
                                      "-o",  "ControlMaster=no",
                                      "-o",  "ControlPath=none",
                                      "-o",  "LogLevel=ERROR",
                                      "-o",  "ServerAliveCountMax=1"};
  const struct p2p_address *address = &program->address;
  size_t n = 0, n_numbers = 0;
  for (; n < sizeof fixed / sizeof fixed[0]; n++) argv[n] = fixed[n];
  snprintf(numbers[n_numbers], sizeof numbers[0], "-oConnectTimeout=%u",
           (unsigned)(program->timeout_ms / 1000 + 1));
  argv[n++] = numbers[n_numbers++];
  snprintf(numbers[n_numbers], sizeof numbers[0], "-oServerAliveInterval=%u",
           (unsigned)(program->silent_ms / 2000 + 1));
  argv[n++] = numbers[n_numbers++];
  if (address->port != 0) {
    snprintf(numbers[n_numbers], sizeof numbers[0], "-p%u", (unsigned)address->port);
    argv[n++] = numbers[n_numbers++];
  }
  if (address->login[0] != '\0') {
    argv[n++] = "-l";
    argv[n++] = address->login;
  }
  const char *arg = address->args;
  for (size_t i = 0; i < address->n_args && n < ARGS_MAX - 4; i++, arg += strlen(arg) + 1)
    argv[n++] = arg;
  argv[n++] = "--";
  argv[n++] = address->host;
  argv[n++] = text;
  argv[n] = NULL;
  return n;
}

static int program_run(struct p2p_ssh *base, const char *text,
                       const struct p2p_ssh_command_callbacks *callbacks, void *arg,
                       struct p2p_ssh_command **out, struct p2p_err *err) {
  static const struct p2p_pipe_process_callbacks piped_events = {on_output, on_end};
  struct program *program = (struct program *)base;
  const char *argv[ARGS_MAX];
  char numbers[4][48];
  if (program->is_closed)
    return p2p_err_set(err, P2P_ERR_CLOSED, "There is no connection to the board.");
  struct command *command = calloc(1, sizeof *command);
  if (command == NULL) return p2p_err_set(err, P2P_ERR_MEMORY, "Out of memory.");
  put_args(program, text, argv, numbers);
  if (p2p_pipe_process_spawn(p2p_loop_uv(program->loop), argv, &piped_events, command,
                             &command->piped, err) != P2P_OK) {
    free(command);
    return p2p_err_set(
        err, P2P_ERR_SYSTEM,
        "The program 'ssh', which ssh_args or ~/.ssh/config ask for, cannot be started: is OpenSSH "
        "installed, and in PATH?");
  }
  command->base.transport = program->base.transport;
  command->program = program;
  command->callbacks = *callbacks;
  command->arg = arg;
  command->next = program->commands;
  program->commands = command;
  p2p_timer_start(program->soon, 0, 0);
  *out = &command->base;
  return P2P_OK;
}

static int program_write(struct p2p_ssh_command *base, const void *bytes, size_t length) {
  struct command *command = (struct command *)base;
  return command->has_ended || command->program->is_closed
             ? P2P_ERR_CLOSED
             : p2p_pipe_process_write(command->piped, bytes, length);
}

static void program_free_command(struct p2p_ssh_command *base) {
  struct command *command = (struct command *)base;
  command->freed = true;
  sweep(command->program);
}

/* ---- the connection ---- */

static void program_free(struct p2p_ssh *base) {
  struct program *program = (struct program *)base;
  program->freed = true;
  sweep(program);
}

static const char *program_host(const struct p2p_ssh *base) {
  return ((const struct program *)base)->host;
}
static void program_set_silence(struct p2p_ssh *base, uint32_t silent_ms) {
  ((struct program *)base)->silent_ms = silent_ms;
}

int p2p_ssh_program_connect(const struct p2p_ssh_request *request, struct p2p_ssh **out,
                            struct p2p_err *err) {
  static const struct p2p_ssh_transport transport = {program_free,        program_host,
                                                     program_set_silence, program_run,
                                                     program_write,       program_free_command};
  const struct p2p_address *address = request->address;
  struct program *program = calloc(1, sizeof *program);
  if (program == NULL) return p2p_err_set(err, P2P_ERR_MEMORY, "Out of memory.");
  program->base.transport = &transport;
  program->loop = request->loop;
  program->address = *address;
  program->callbacks = *request->callbacks;
  program->arg = request->arg;
  program->timeout_ms = request->timeout_ms;
  program->silent_ms = SILENT_MS;
  p2p_ssh_session_look_up(address->host, address->config, program->host, sizeof program->host);
  program->soon = p2p_timer_new(request->loop, on_soon, program);
  if (program->soon == NULL) {
    free(program);
    return p2p_err_set(err, P2P_ERR_MEMORY, "Out of memory.");
  }
  p2p_timer_start(program->soon, 0, 0);
  *out = &program->base;
  return P2P_OK;
}
