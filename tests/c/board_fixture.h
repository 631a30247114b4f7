/* A board on loopback within the test; throwaway keys for alice and bob, who have accounts, and for
 * eve, who has none; and OpenSSH's `ssh` as the client. Define _GNU_SOURCE (for pipe2) before any
 * include. */
#ifndef P2P_TESTS_BOARD_FIXTURE_H
#define P2P_TESTS_BOARD_FIXTURE_H

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log_queue.h"
#include "crypto/random.h"
#include "descriptors.h"
#include "net/loop.h"
#include "server/board_listener.h"
#include "unit.h"

#define WAIT_MS 20000

/* --- the board --- */

static char folder[] = "/tmp/p2p-board-XXXXXX";
static struct p2p_loop *loop;
static struct p2p_log_queue *log;
static struct p2p_board_server board;
static struct p2p_board_limits limits; /* of the next board; 0: the defaults */
static struct p2p_board_listener *server;
static struct p2p_err start_err;
static int start_code;

static void path_in_folder(const char *name, char out[256]) {
  snprintf(out, 256, "%s/%s", folder, name);
}

static size_t read_file(const char *name, char *out, size_t size) {
  char path[256];
  path_in_folder(name, path);
  FILE *file = fopen(path, "r");
  size_t length = file == NULL ? 0 : fread(out, 1, size - 1, file);
  if (file != NULL) fclose(file);
  out[length] = '\0';
  return length;
}

static void make_key(const char *name) {
  char path[256];
  path_in_folder(name, path);
  pid_t pid = fork();
  if (pid == 0) {
    execlp("ssh-keygen", "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", path,
           (char *)NULL);
    _exit(127);
  }
  int status;
  CHECK(waitpid(pid, &status, 0) == pid && status == 0);
}

static void start_on_loop(void *arg) {
  char path[256];
  (void)arg;
  path_in_folder("host_key", path);
  start_code = p2p_board_listener_new(&board, "127.0.0.1", 0, path, &server, &start_err);
}
static void stop_on_loop(void *arg) {
  (void)arg;
  p2p_board_listener_free(server);
  server = NULL;
}

static int start_board(void) {
  char users[4096], key[1024], path[256];
  struct p2p_err err;
  size_t length = 0;
  const char *names[] = {"alice", "bob"};
  for (int i = 0; i < 2; i++) {
    char file[32];
    snprintf(file, sizeof file, "%s.pub", names[i]);
    read_file(file, key, sizeof key);
    length += (size_t)snprintf(users + length, sizeof users - length, "%s %s", names[i], key);
  }
  board = (struct p2p_board_server){.loop = loop,
                                    .log = log,
                                    .mailbox_port = 4000,
                                    .relay_port = 4001,
                                    .opened_at = 0,
                                    .limits = limits};
  CHECK(p2p_accounts_parse(users, length, &board.accounts, &err) == P2P_OK);
  CHECK(p2p_board_server_init(&board) == P2P_OK);
  CHECK(p2p_loop_call(loop, start_on_loop, NULL) == P2P_OK);
  if (start_code != P2P_OK) return start_code;
  path_in_folder("known_hosts", path);
  FILE *file = fopen(path, "w");
  fprintf(file, "[127.0.0.1]:%u %s\n", (unsigned)p2p_board_listener_port(server),
          p2p_board_listener_host_key(server));
  fclose(file);
  return P2P_OK;
}

static int n_before; /* descriptors after the first board: the loop keeps some for its listeners */

static void stop_board(void) {
  if (server != NULL) CHECK(p2p_loop_call(loop, stop_on_loop, NULL) == P2P_OK);
  if (n_before == 0) n_before = count_descriptors();
  CHECK(count_descriptors() == n_before);
  p2p_board_server_clear(&board);
  p2p_accounts_free(board.accounts);
}

static inline bool wait_for_log(const char *text) {
  struct p2p_log_line line;
  uint64_t end_ms = p2p_clock_ms() + WAIT_MS;
  while (p2p_clock_ms() < end_ms)
    if (p2p_log_queue_next(log, 200, &line) && strstr(line.text, text) != NULL) return true;
  fprintf(stderr, "no log line \"%s\"\n", text);
  return false;
}

/* --- ssh --- */

struct ssh {
  pid_t pid;
  int in, out; /* its standard input and output */
  char output[65536];
  size_t n_output;
};

static void start_ssh(struct ssh *ssh, const char *key, const char *const *more,
                      const char *command) {
  char identity[256], known[300], port[16];
  const char *args[48];
  size_t n = 0;
  int in[2], out[2];
  path_in_folder(key, identity);
  snprintf(known, sizeof known, "UserKnownHostsFile=%s/known_hosts", folder);
  snprintf(port, sizeof port, "%u", (unsigned)p2p_board_listener_port(server));
  const char *fixed[] = {"ssh",
                         "-F",
                         "/dev/null",
                         "-o",
                         "IdentitiesOnly=yes",
                         "-o",
                         "IdentityAgent=none",
                         "-o",
                         "BatchMode=yes",
                         "-o",
                         "StrictHostKeyChecking=yes",
                         "-o",
                         "LogLevel=ERROR",
                         "-o",
                         known,
                         "-i",
                         identity,
                         "-p",
                         port};
  for (; n < sizeof fixed / sizeof fixed[0]; n++) args[n] = fixed[n];
  for (; more != NULL && *more != NULL; more++) args[n++] = *more;
  args[n++] = "some-login@127.0.0.1";
  if (command != NULL) args[n++] = command;
  args[n] = NULL;
  ssh->n_output = 0;
  if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0) return;
  ssh->pid = fork();
  if (ssh->pid == 0) {
    char log[300];
    snprintf(log, sizeof log, "%s/ssh.log", folder);
    dup2(in[0], 0);
    dup2(out[1], 1);
    dup2(open(log, O_WRONLY | O_CREAT | O_APPEND, 0600), 2);
    execvp("ssh", (char *const *)args);
    _exit(127);
  }
  close(in[0]);
  close(out[1]);
  ssh->in = in[1];
  ssh->out = out[0];
}

/* False at the end of the output, and when end_ms has passed. */
static bool read_output(struct ssh *ssh, uint64_t end_ms) {
  struct pollfd fd = {.fd = ssh->out, .events = POLLIN};
  uint64_t now_ms = p2p_clock_ms();
  if (now_ms >= end_ms || poll(&fd, 1, (int)(end_ms - now_ms)) <= 0) return false;
  if (ssh->n_output == sizeof ssh->output - 1) ssh->n_output = 0;
  ssize_t n = read(ssh->out, ssh->output + ssh->n_output, sizeof ssh->output - 1 - ssh->n_output);
  if (n > 0) ssh->n_output += (size_t)n;
  ssh->output[ssh->n_output] = '\0';
  return n > 0;
}

static bool wait_for_output(struct ssh *ssh, const char *text) {
  uint64_t end_ms = p2p_clock_ms() + WAIT_MS;
  ssh->output[ssh->n_output] = '\0';
  while (strstr(ssh->output, text) == NULL)
    if (!read_output(ssh, end_ms)) {
      fprintf(stderr, "no \"%s\" in \"%s\"\n", text, ssh->output);
      return false;
    }
  return true;
}

static void send_text(struct ssh *ssh, const char *text) {
  CHECK(write(ssh->in, text, strlen(text)) == (ssize_t)strlen(text));
}

/* Reads to the end and returns the exit status, or -1 if it had to be killed. */
static int end_ssh(struct ssh *ssh) {
  int status;
  uint64_t end_ms = p2p_clock_ms() + WAIT_MS;
  if (ssh->in >= 0) close(ssh->in);
  while (read_output(ssh, end_ms)) {
  }
  bool was_in_time = p2p_clock_ms() < end_ms;
  if (!was_in_time) kill(ssh->pid, SIGKILL);
  close(ssh->out);
  waitpid(ssh->pid, &status, 0);
  return was_in_time && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static inline void kill_ssh(struct ssh *ssh) {
  kill(ssh->pid, SIGKILL);
  end_ssh(ssh);
}

static inline int run_ssh(struct ssh *ssh, const char *key, const char *command) {
  start_ssh(ssh, key, NULL, command);
  return end_ssh(ssh);
}

/* Returns when both directions work: with -r the line comes back. */
static inline void join_topic(struct ssh *ssh, const char *key, const char *command) {
  start_ssh(ssh, key, NULL, command);
  send_text(ssh, "joined\n");
  CHECK(wait_for_output(ssh, "joined\n"));
  ssh->n_output = 0;
}

/* --- the first and the last test --- */

TEST(prepare) {
  CHECK(mkdtemp(folder) != NULL);
  CHECK(p2p_crypto_init() == 0);
  CHECK(p2p_loop_start(&loop, &start_err) == P2P_OK);
  log = p2p_log_queue_new(1000);
  make_key("alice");
  make_key("bob");
  make_key("eve");
}

TEST(clean_up) {
  const char *names[] = {"alice",    "alice.pub",   "bob",     "bob.pub", "eve", "eve.pub",
                         "host_key", "known_hosts", "ssh.log", "mux",     "mux2"};
  p2p_loop_stop(loop);
  p2p_log_queue_unref(log);
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    char path[256];
    path_in_folder(names[i], path);
    unlink(path);
  }
  CHECK(rmdir(folder) == 0);
}

#endif
