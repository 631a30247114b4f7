/* The program `wormhole`, which does not need R. Exit status: 0, 1 (failed), 2 (usage), 130
 * (interrupted). */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/standard_files.h"
#include "crypto/random.h"
#include "net/proxy.h"
#include "shell/arguments.h"
#include "shell/board_services.h"
#include "shell/console.h"
#include "shell/interrupt.h"

#define PATH_SIZE 4096
#define PROGRESS_AFTER_MS 1000
#define WAITING_AFTER_MS 1500

enum status { STATUS_DONE = 0, STATUS_FAILED = 1, STATUS_USAGE = 2, STATUS_INTERRUPTED = 130 };

struct run {
  struct p2p_arguments arguments;
  struct p2p_transfer_config config;
  struct p2p_transfer *transfer;
  struct p2p_services services; /* of the board */
  bool has_no_servers;          /* the board did not name them */
  char path[PATH_SIZE];         /* where to write what is received */
  bool has_shown_code, has_shown_progress;
  bool has_asked, is_answered; /* about the verifier */
  char answer[8];              /* the part that was typed */
  size_t answer_length;
  bool has_said_waiting;
  uint64_t start_ms;
  uint64_t moving_ms; /* when the state became MOVING; 0: it has not */
};

/* The first variable that is set and not empty, else `otherwise`. HTTP_PROXY is not among them,
 * since a web server sets it from a header of its client. */
static const char *first_of_env(const char *a, const char *b, const char *c,
                                const char *otherwise) {
  const char *names[] = {a, b, c};

  for (size_t i = 0; i < 3; i++) {
    const char *value = names[i] ? getenv(names[i]) : NULL;
    if (value != NULL && value[0] != '\0') return value;
  }
  return otherwise;
}

static bool is_directory(const char *path) {
  struct stat info;
  return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

/* Where to write a received file: into the directory `path`, or to the new file `path`. Errors are
 * reported before the code is used up. */
static int choose_path(struct run *run, const char *path, struct p2p_err *err) {
  const char *slash = strrchr(path, '/');
  char *whole = is_directory(path) ? realpath(path, NULL) : NULL;

  run->config.path_is_directory = is_directory(path);
  int length = snprintf(run->path, PATH_SIZE, "%s", whole != NULL ? whole : path);
  free(whole);
  if (length < 0 || length >= PATH_SIZE)
    return p2p_err_set(err, P2P_ERR_TOO_LARGE, "the path '%s' is too long", path);
  if (run->config.path_is_directory && access(run->path, W_OK | X_OK) != 0)
    return p2p_err_because(
        err, "no_directory",
        p2p_err_set(err, P2P_ERR_SYSTEM, "cannot write to directory '%s'", run->path));
  if (run->config.path_is_directory) return P2P_OK;
  if (access(path, F_OK) == 0)
    return p2p_err_because(err, "file_exists",
                           p2p_err_set(err, P2P_ERR_SYSTEM, "file '%s' exists", path));
  if (slash == NULL || slash == path) return P2P_OK;
  run->path[slash - path] = '\0';
  if (!is_directory(run->path) || slash[1] == '\0')
    return p2p_err_because(
        err, "no_directory",
        p2p_err_set(err, P2P_ERR_SYSTEM, "directory '%s' does not exist", run->path));
  run->path[slash - path] = '/';
  return P2P_OK;
}

/* Mailbox server and relay: an option, else a variable, else those of the board. An empty relay is
 * none. */
static int choose_servers(struct run *run, struct p2p_err *err) {
  const struct p2p_arguments *arguments = &run->arguments;
  struct p2p_transfer_config *config = &run->config;
  const char *host =
      arguments->host ? arguments->host : first_of_env("R_FUTURE_P2P_HOST", NULL, NULL, NULL);
  const char *ssh_args =
      arguments->ssh_args ? arguments->ssh_args : getenv("R_FUTURE_P2P_SSH_ARGS");
  bool is_complete;

  config->mailbox = arguments->mailbox ? arguments->mailbox
                                       : first_of_env("R_FUTURE_P2P_MAILBOX", NULL, NULL, NULL);
  config->relay = arguments->relay ? arguments->relay : getenv("R_FUTURE_P2P_RELAY");
  is_complete = config->mailbox != NULL && config->relay != NULL;
  if (!is_complete && p2p_board_services_find(config->loop, host, host != NULL ? ssh_args : NULL,
                                              &run->services, err) != P2P_OK) {
    run->has_no_servers = true;
    return err->code;
  }
  if (config->mailbox == NULL) config->mailbox = run->services.mailbox;
  if (config->relay == NULL) config->relay = run->services.relay;
  if (config->relay[0] == '\0') config->relay = NULL;
  return P2P_OK;
}

static int configure(struct run *run, struct p2p_err *err) {
  const struct p2p_arguments *arguments = &run->arguments;
  struct p2p_transfer_config *config = &run->config;
  struct p2p_proxy proxy;
  int code = p2p_proxy_parse(first_of_env("https_proxy", "HTTPS_PROXY", "http_proxy", ""),
                             first_of_env("no_proxy", "NO_PROXY", NULL, ""), &proxy, err);

  if (code != P2P_OK) return code;
  p2p_loop_set_proxy(config->loop, &proxy);
  config->code = arguments->code;
  config->no_listen = !arguments->listen;
  config->must_confirm = arguments->verify;
  config->timeout_ms = arguments->timeout_ms;
  config->file = arguments->command == P2P_COMMAND_SEND ? arguments->file : NULL;
  config->text = arguments->command == P2P_COMMAND_SEND ? arguments->text : NULL;
  if (arguments->command == P2P_COMMAND_RECEIVE) {
    config->path = run->path;
    code = choose_path(run, arguments->path ? arguments->path : ".", err);
  }
  return code == P2P_OK ? choose_servers(run, err) : code;
}

/* Reads one character of the answer about the verifier. An answer that is too long is a no. */
static void read_answer(struct run *run) {
  char c = '\n';

  if (read(STDIN_FILENO, &c, 1) == 1 && c != '\n') {
    if (run->answer_length + 1 < sizeof run->answer) run->answer[run->answer_length++] = c;
    return;
  }
  run->is_answered = true;
  p2p_transfer_confirm(run->transfer,
                       strcasecmp(run->answer, "y") == 0 || strcasecmp(run->answer, "yes") == 0);
}

static void show_progress(struct run *run, const struct p2p_transfer_status *status) {
  bool is_wanted =
      run->arguments.has_progress ? run->arguments.progress : isatty(STDERR_FILENO) != 0;
  uint64_t now_ms = p2p_clock_ms();

  if (run->moving_ms == 0) run->moving_ms = now_ms;
  if (!is_wanted || now_ms < run->moving_ms + PROGRESS_AFTER_MS) return;
  p2p_console_progress(status);
  run->has_shown_progress = true;
}

/* A code that was made is shown, and has to be typed first. */
static bool must_say_waiting(const struct run *run, const struct p2p_transfer_status *status) {
  return run->config.code != NULL && !run->has_said_waiting &&
         status->state <= P2P_TRANSFER_WAITING;
}

static void show(struct run *run, const struct p2p_transfer_status *status) {
  if (run->config.code == NULL && !run->has_shown_code && status->code[0] != '\0') {
    p2p_console_code(&run->config, status->code);
    run->has_shown_code = true;
  }
  if (must_say_waiting(run, status) && p2p_clock_ms() >= run->start_ms + WAITING_AFTER_MS) {
    p2p_console_waiting();
    run->has_said_waiting = true;
  }
  if (status->state == P2P_TRANSFER_CONFIRMING && !run->has_asked) {
    p2p_console_verifier(status->verifier);
    run->has_asked = true;
  }
  if (status->state == P2P_TRANSFER_MOVING) show_progress(run, status);
}

/* Waits for a change of the transfer, for input, or for a signal, which cancels the transfer; or
 * until it is time to say that the other side has not come yet. */
static void wait_for_change(struct run *run, const struct p2p_transfer_status *status) {
  bool is_asking = run->has_asked && !run->is_answered;
  bool is_interrupted = p2p_interrupt_is_pending(); /* asked once: the next signal ends poll() */
  if (is_interrupted) p2p_transfer_cancel(run->transfer);
  struct pollfd ready[] = {{.fd = p2p_transfer_fd(run->transfer), .events = POLLIN},
                           {.fd = is_interrupted ? -1 : p2p_interrupt_fd(), .events = POLLIN},
                           {.fd = is_asking ? STDIN_FILENO : -1, .events = POLLIN}};
  int limit_ms = must_say_waiting(run, status) ? WAITING_AFTER_MS : -1;
  bool is_ready = poll(ready, sizeof ready / sizeof ready[0], limit_ms) > 0;

  if (p2p_interrupt_is_pending())
    p2p_transfer_cancel(run->transfer);
  else if (is_ready && ready[2].revents != 0)
    read_answer(run);
}

/* Returns when the transfer is over. */
static void follow(struct run *run, struct p2p_transfer_status *status) {
  for (;;) {
    (void)p2p_transfer_wait(run->transfer, 0, 0); /* later changes make p2p_transfer_fd readable */
    p2p_transfer_status(run->transfer, status);
    show(run, status);
    if (status->state >= P2P_TRANSFER_DONE) break;
    wait_for_change(run, status);
  }
  if (run->has_shown_progress || run->has_asked != run->is_answered) dprintf(STDERR_FILENO, "\n");
}

/* Prints what was received, for other programs. False if that fails. */
static bool print_result(struct run *run, const struct p2p_transfer_status *status) {
  size_t length;
  const char *text = p2p_transfer_text(run->transfer, &length);

  return dprintf(STDOUT_FILENO, "%s\n", status->is_text && text != NULL ? text : status->path) >= 0;
}

static enum status interrupted(void) {
  dprintf(STDERR_FILENO, "Interrupted.\n");
  return STATUS_INTERRUPTED;
}

static enum status failed_to_start(const struct run *run, const struct p2p_err *err) {
  if (p2p_interrupt_is_pending()) return interrupted();
  p2p_console_error(err);
  if (run->has_no_servers)
    dprintf(STDERR_FILENO, "To use other servers, set --mailbox and --relay.\n");
  return STATUS_FAILED;
}

static enum status failed(const struct p2p_err *err) {
  p2p_console_error(err);
  return STATUS_FAILED;
}

static enum status transfer(struct run *run) {
  bool is_sender = run->arguments.command == P2P_COMMAND_SEND, is_lost = false;
  struct p2p_transfer_status status = {.state = P2P_TRANSFER_FAILED};
  struct p2p_err err = {0};

  if (configure(run, &err) != P2P_OK ||
      p2p_transfer_new(&run->config, &run->transfer, &err) != P2P_OK)
    return failed_to_start(run, &err);
  run->start_ms = p2p_clock_ms();
  follow(run, &status);
  if (status.state == P2P_TRANSFER_DONE) {
    p2p_console_end(&status, is_sender);
    is_lost = !is_sender && !print_result(run, &status);
  }
  p2p_transfer_free(run->transfer);
  if (is_lost)
    return failed(&(struct p2p_err){P2P_ERR_SYSTEM, NULL, "cannot write to standard output"});
  if (status.state == P2P_TRANSFER_DONE) return STATUS_DONE;
  return p2p_interrupt_is_pending() ? interrupted() : failed(&status.err);
}

static enum status run_transfer(const struct p2p_arguments *arguments) {
  static struct run run;
  struct p2p_err err;

  run.arguments = *arguments;
  int code = p2p_interrupt_catch(&err);
  if (code == P2P_OK && (code = p2p_crypto_init()) != P2P_OK)
    p2p_err_set(&err, code, "libsodium cannot be initialized");
  if (code == P2P_OK) code = p2p_loop_start(&run.config.loop, &err);
  if (code != P2P_OK) return failed(&err);
  enum status status = transfer(&run);
  p2p_loop_stop(run.config.loop);
  return status;
}

int main(int argc, char *argv[]) {
  struct p2p_arguments arguments;
  struct p2p_err err;

  p2p_standard_files_open();
  if (argc < 2) {
    p2p_console_usage(STDERR_FILENO);
    return STATUS_USAGE;
  }
  if (p2p_arguments_parse(argc - 1, argv + 1, &arguments, &err) != P2P_OK) {
    dprintf(STDERR_FILENO, "wormhole: %s\nTry 'wormhole --help'.\n", err.message);
    return STATUS_USAGE;
  }
  if (arguments.command == P2P_COMMAND_HELP)
    p2p_console_usage(STDOUT_FILENO);
  else if (arguments.command == P2P_COMMAND_VERSION)
    dprintf(STDOUT_FILENO, "%s\n", P2P_VERSION);
  else
    return (int)run_transfer(&arguments);
  return STATUS_DONE;
}
