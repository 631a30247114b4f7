/* An SSH connection by the program `ssh`, for what libssh cannot do: jump hosts, other
 * configuration files, any option of OpenSSH. Every command is an `ssh` of its own, so that there
 * is nothing to connect before the first one. A failure shows by exit status 255 and by what `ssh`
 * writes on stderr, from which our error is made. No shell is involved, and `ssh` prompts nobody.
 */
#include "board/ssh_program.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/sanitize.h"
#include "net/timer.h"
#include "proc/pipe_process.h"

#define SILENCE_MS 20000
#define OWN_ARGS_MAX 40 /* the arguments that are not of ssh_args */
#define SSH_FAILED 255

struct command;

/* The connection. */
struct program {
  struct p2p_ssh_transport base;
  struct p2p_loop *loop;
  struct p2p_address address;
  struct p2p_ssh_callbacks callbacks;
  void *arg;
  uint32_t timeout_ms, silent_ms;
  char host[256];
  struct p2p_timer *soon; /* for callbacks that must not come from within a call of ours */
  struct command *commands;
  bool is_ready, is_closed; /* closed: on_close was called, or it was freed */
  struct p2p_post free_post;
};

struct command {
  struct p2p_ssh_command base;
  struct command *next;
  struct program *program;
  struct p2p_pipe_process *process;
  struct p2p_ssh_command_callbacks callbacks;
  void *arg;
  bool is_started, has_ended; /* ended: on_end was called, or it was freed */
  struct p2p_post free_post;
};

/* ---- errors ---- */

static bool has(const char *output, const char *words) { return strstr(output, words) != NULL; }

/* What `ssh` writes after the cause, often about a jump host that has failed. */
static bool is_consequence(const char *line) {
  static const char *const starts[] = {"kex_exchange_identification:",
                                       "ssh_exchange_identification:",
                                       "banner exchange:",
                                       "Connection closed by",
                                       "Connection reset by",
                                       "stdio forwarding failed",
                                       "client_loop:",
                                       "Disconnected from",
                                       "Killed by signal"};
  for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++)
    if (strncmp(line, starts[i], strlen(starts[i])) == 0) return true;
  return false;
}

/* A line, without its full stop, made safe to show. */
static void show_line(const char *line, char *out, size_t size) {
  size_t length = line == NULL ? 0 : strcspn(line, "\r\n");
  if (length > 0 && line[length - 1] == '.') length--;
  p2p_sanitize(length == 0 ? "" : line, length, out, size);
}

/* The last line of the output that is not a consequence of another one, else its first line. A
 * banner of the server comes before it. */
static void find_cause(const char *output, char *out, size_t size) {
  const char *line = output, *cause = NULL;
  while (*line != '\0') {
    size_t length = strcspn(line, "\r\n");
    if (length > 0 && (cause == NULL || !is_consequence(line))) cause = line;
    line += length + (line[length] != '\0');
  }
  show_line(cause, out, size);
}

/* The line with these words; "" if no line has them. */
static void find_line(const char *output, const char *words, char *out, size_t size) {
  const char *at = strstr(output, words);
  while (at != NULL && at > output && at[-1] != '\n' && at[-1] != '\r') at--;
  show_line(at, out, size);
}

/* Adds the line of `ssh` with these words, which names the host that it is about. */
static void add_line(const char *output, const char *words, int code, struct p2p_err *err) {
  char text[300];
  find_line(output, words, text, sizeof text);
  if (text[0] != '\0' && err != NULL)
    p2p_err_set(err, code, "%s: 'ssh' reports '%s'", err->message, text);
}

static int explain_host_key(const char *output, const char *host, struct p2p_err *err) {
  static const struct {
    const char *words, *reason, *line, *what;
  } causes[] = {
      {"REVOKED HOST KEY", "revoked_host_key", "is marked as revoked", "is revoked in known_hosts"},
      {"IDENTIFICATION HAS CHANGED", "changed_host_key", "has changed and you",
       "is not the one in known_hosts"},
      {"Host key verification failed", "unknown_host_key_unseen", "host key is known for",
       "is not in known_hosts, and 'ssh' did not report the key"},
      {"host key is known", "unknown_host_key_unseen", "host key is known for",
       "is not in known_hosts, and 'ssh' did not report the key"}};
  for (size_t i = 0; i < sizeof causes / sizeof causes[0]; i++) {
    if (!has(output, causes[i].words)) continue;
    p2p_err_set(err, P2P_ERR_HOST_KEY, "the host key of '%s', or of a jump host, %s", host,
                causes[i].what);
    add_line(output, causes[i].line, P2P_ERR_HOST_KEY, err);
    return p2p_err_because(err, causes[i].reason, P2P_ERR_HOST_KEY);
  }
  return P2P_OK;
}

/* "Permission denied" alone is also what the system says of a file or of a network. */
static int explain_login(const char *output, const char *host, struct p2p_err *err) {
  bool is_exposed = has(output, "UNPROTECTED PRIVATE KEY FILE");
  if (!has(output, "Permission denied (") && !has(output, "Too many authentication failures"))
    return P2P_OK;
  if (is_exposed)
    p2p_err_set(err, P2P_ERR_AUTH, "no SSH key could be used for '%s', or for a jump host", host);
  else
    p2p_err_set(err, P2P_ERR_AUTH, "'%s', or a jump host, rejected all of your SSH keys", host);
  add_line(output, is_exposed ? "too open" : "Permission denied (", P2P_ERR_AUTH, err);
  return p2p_err_because(err, is_exposed ? "key_exposed" : "keys_rejected", P2P_ERR_AUTH);
}

int p2p_ssh_program_explain(const char *output, const char *host, struct p2p_err *err) {
  char text[300];
  int code = explain_host_key(output, host, err);
  if (code == P2P_OK) code = explain_login(output, host, err);
  if (code != P2P_OK) return code;
  find_cause(output, text, sizeof text);
  return p2p_err_because(
      err, has(output, "No user exists for uid") ? "no_user_entry" : "ssh_failed",
      text[0] == '\0'
          ? p2p_err_set(err, P2P_ERR_NETWORK,
                        "the connection to the message board '%s' was lost, or the board stopped "
                        "responding: 'ssh' ended without a message",
                        host)
          : p2p_err_set(err, P2P_ERR_NETWORK,
                        "the message board '%s' cannot be reached, or the connection was lost: "
                        "'ssh' reports '%s'",
                        host, text));
}

/* ---- commands ---- */

static void on_output(void *arg, const char *bytes, size_t length) {
  struct command *command = arg;
  if (!command->program->is_closed) command->callbacks.on_output(command->arg, bytes, length);
}

static void on_end(void *arg, int exit_status, const char *errors) {
  struct command *command = arg;
  struct program *program = command->program;
  struct p2p_err err;
  command->has_ended = true;
  if (program->is_closed) return;
  if (exit_status != SSH_FAILED && exit_status >= 0) {
    command->callbacks.on_end(command->arg, exit_status);
    return;
  }
  program->is_closed = true;
  (void)p2p_ssh_program_explain(errors, program->host, &err);
  program->callbacks.on_close(program->arg, &err);
}

static void on_soon(void *arg) {
  struct program *program = arg;
  if (!program->is_ready) {
    program->is_ready = true;
    program->callbacks.on_ready(program->arg);
  }
  /* New ones are put at the head. One that is freed meanwhile keeps its `next`. */
  for (struct command *command = program->commands; command != NULL; command = command->next) {
    if (command->is_started || command->has_ended || program->is_closed) continue;
    command->is_started = true;
    command->callbacks.on_start(command->arg);
  }
}

/* ssh takes the first value of an option that is given twice: the fixed ones come first, then what
 * `host` says, then ssh_args. */
static void put_args(const struct program *program, const char *text, const char **argv,
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
  for (size_t i = 0; i < address->n_args; i++, arg += strlen(arg) + 1) argv[n++] = arg;
  argv[n++] = "--";
  argv[n++] = address->host;
  argv[n++] = text;
  argv[n] = NULL;
}

static int program_run(struct p2p_ssh_transport *base, const char *text,
                       const struct p2p_ssh_command_callbacks *callbacks, void *arg,
                       struct p2p_ssh_command **out, struct p2p_err *err) {
  static const struct p2p_pipe_process_callbacks callbacks_of_process = {on_output, on_end};
  struct program *program = (struct program *)base;
  const char *argv[P2P_SSH_ARGS_MAX + OWN_ARGS_MAX];
  char numbers[4][48];
  if (program->is_closed)
    return p2p_err_set(err, P2P_ERR_CLOSED, "there is no connection to the board");
  struct command *command = calloc(1, sizeof *command);
  if (command == NULL) return p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
  put_args(program, text, argv, numbers);
  if (p2p_pipe_process_spawn(p2p_loop_uv(program->loop), argv, &callbacks_of_process, command,
                             &command->process, err) != P2P_OK) {
    free(command);
    return p2p_err_because(
        err, "no_ssh_program",
        p2p_err_set(err, P2P_ERR_SYSTEM,
                    "the program 'ssh', which your SSH arguments or ~/.ssh/config need, cannot be "
                    "started"));
  }
  command->base.operations = program->base.operations;
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
             : p2p_pipe_process_write(command->process, bytes, length);
}

/* The memory stays until no callback runs: on_soon() may be at this command. */
static void release(struct command *command) {
  command->has_ended = true;
  p2p_pipe_process_free(command->process);
  command->free_post = (struct p2p_post){.fn = free, .arg = command};
  p2p_loop_defer(command->program->loop, &command->free_post);
}

static void program_free_command(struct p2p_ssh_command *base) {
  struct command *command = (struct command *)base;
  struct command **link = &command->program->commands;
  while (*link != command) link = &(*link)->next;
  *link = command->next;
  release(command);
}

/* ---- the connection ---- */

static void program_free(struct p2p_ssh_transport *base) {
  struct program *program = (struct program *)base;
  struct command *command = program->commands;
  program->is_closed = true;
  program->commands = NULL;
  for (; command != NULL; command = command->next) release(command);
  p2p_timer_free(program->soon);
  program->free_post = (struct p2p_post){.fn = free, .arg = program};
  p2p_loop_defer(program->loop, &program->free_post);
}

static void program_set_silence(struct p2p_ssh_transport *base, uint32_t silent_ms) {
  ((struct program *)base)->silent_ms = silent_ms;
}

int p2p_ssh_program_connect(const struct p2p_ssh_request *request, const char *host,
                            const struct p2p_ssh_callbacks *callbacks, void *arg,
                            struct p2p_ssh_transport **out, struct p2p_err *err) {
  static const struct p2p_ssh_operations operations = {.free = program_free,
                                                       .set_silence = program_set_silence,
                                                       .run = program_run,
                                                       .write = program_write,
                                                       .free_command = program_free_command};
  struct program *program = calloc(1, sizeof *program);
  if (program == NULL) return p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
  program->base.operations = &operations;
  program->loop = request->loop;
  program->address = *request->address;
  program->callbacks = *callbacks;
  program->arg = arg;
  program->timeout_ms = request->timeout_ms;
  program->silent_ms = SILENCE_MS;
  snprintf(program->host, sizeof program->host, "%s", host);
  program->soon = p2p_timer_new(request->loop, on_soon, program);
  if (program->soon == NULL) {
    free(program);
    return p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
  }
  p2p_timer_start(program->soon, 0, 0);
  *out = &program->base;
  return P2P_OK;
}
