/* Login on our own board with every type and format of key, near and far. */
#define _GNU_SOURCE /* pipe2 */

#include <pthread.h>

#include "board/whoami.h"
#include "board_fixture.h"

#define DELAY_MS 20 /* of each read from a socket of the relay */
#define ATTEMPTS 5  /* with each key */

static const struct key {
  const char *name, *type, *bits, *format;
} keys[] = {{"k-rsa2048", "rsa", "2048", "RFC4716"}, /* OpenSSH's own format */
            {"k-rsa3072", "rsa", "3072", "PEM"},       {"k-rsa4096", "rsa", "4096", "PKCS8"},
            {"k-rsa8192", "rsa", "8192", "RFC4716"},   {"k-ecdsa256", "ecdsa", "256", "RFC4716"},
            {"k-ecdsa384", "ecdsa", "384", "PEM"},     {"k-ecdsa521", "ecdsa", "521", "PKCS8"},
            {"k-ed25519", "ed25519", "256", "RFC4716"}};
#define N_KEYS (sizeof keys / sizeof keys[0])

static int run_program(const char *const *argv) {
  int status = -1;
  pid_t pid = fork();
  if (pid == 0) {
    dup2(open("/dev/null", O_RDWR), 1);
    execvp(argv[0], (char *const *)argv);
    _exit(127);
  }
  waitpid(pid, &status, 0);
  return status;
}

/* --- a relay to the board that delays all bytes --- */

static uint16_t relay_port;
static int relay_fd;

/* Bytes of one direction; false at their end. */
static bool forward(int from, int to) {
  char bytes[65536];
  ssize_t n = read(from, bytes, sizeof bytes);
  if (n <= 0) return false;
  poll(NULL, 0, DELAY_MS);
  return write(to, bytes, (size_t)n) == n;
}

static void *relay(void *arg) {
  (void)arg;
  for (;;) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int client = accept4(relay_fd, NULL, NULL, SOCK_CLOEXEC);
    if (client < 0) return NULL;
    int host = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    to.sin_port = htons(p2p_board_listener_port(server));
    struct pollfd fds[2] = {{.fd = client, .events = POLLIN}, {.fd = host, .events = POLLIN}};
    bool is_open = connect(host, (struct sockaddr *)&to, sizeof to) == 0;
    while (is_open && poll(fds, 2, WAIT_MS) > 0) {
      if (fds[0].revents != 0) is_open = forward(client, host);
      if (is_open && fds[1].revents != 0) is_open = forward(host, client);
    }
    close(client);
    close(host);
  }
}

static void start_relay(pthread_t *thread) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof address;
  relay_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  CHECK(bind(relay_fd, (struct sockaddr *)&address, sizeof address) == 0);
  CHECK(listen(relay_fd, 8) == 0);
  CHECK(getsockname(relay_fd, (struct sockaddr *)&address, &length) == 0);
  relay_port = ntohs(address.sin_port);
  CHECK(pthread_create(thread, NULL, relay, NULL) == 0);
}

static void stop_relay(pthread_t thread) {
  shutdown(relay_fd, SHUT_RDWR);
  pthread_join(thread, NULL);
  close(relay_fd);
}

/* --- a login with libssh --- */

struct login {
  struct p2p_address address;
  struct p2p_whoami *whoami;
  char user[P2P_USER_MAX];
  struct p2p_err err;
  int pipe[2];
};

static void on_user(void *arg, const char *user, const struct p2p_err *err) {
  struct login *login = arg;
  snprintf(login->user, sizeof login->user, "%s", user == NULL ? "" : user);
  if (err != NULL) login->err = *err;
  p2p_whoami_free(login->whoami);
  CHECK(write(login->pipe[1], "", 1) == 1);
}

static void request_user(void *arg) {
  struct login *login = arg;
  const struct p2p_whoami_query query = {loop, &login->address, WAIT_MS};
  CHECK(p2p_whoami_request(&query, on_user, login, &login->whoami, NULL) == P2P_OK);
}

/* `key` NULL: the agent. Leaves the user's name in user, "" after an error. */
static void log_in(struct login *login, const char *key, uint16_t port) {
  char end;
  memset(login, 0, sizeof *login);
  snprintf(login->address.host, sizeof login->address.host, "127.0.0.1");
  login->address.port = port;
  snprintf(login->address.config, sizeof login->address.config, "none");
  path_in_folder("known_hosts", login->address.known_hosts);
  if (key != NULL) {
    login->address.identities_only = true;
    path_in_folder(key, login->address.identities[login->address.n_identities++]);
  }
  CHECK(pipe2(login->pipe, O_CLOEXEC) == 0);
  CHECK(p2p_loop_call(loop, request_user, login) == P2P_OK);
  CHECK(read(login->pipe[0], &end, 1) == 1);
  close(login->pipe[0]);
  close(login->pipe[1]);
}

static void expect_logins(uint16_t port) {
  struct login login;
  for (size_t i = 0; i < N_KEYS; i++) {
    int accepted = 0;
    for (int n = 0; n < ATTEMPTS; n++) {
      log_in(&login, keys[i].name, port);
      if (strcmp(login.user, keys[i].name) == 0) accepted++;
    }
    if (accepted < ATTEMPTS)
      fprintf(stderr, "%s: accepted %d of %d times: %s\n", keys[i].name, accepted, ATTEMPTS,
              login.err.message);
    CHECK(accepted == ATTEMPTS);
  }
}

/* --- the board with an account for each key --- */

static void make_keys(void) {
  char path[256];
  for (size_t i = 0; i < N_KEYS; i++) {
    path_in_folder(keys[i].name, path);
    const char *argv[] = {"ssh-keygen",   "-q", "-t", keys[i].type, "-b", keys[i].bits, "-m",
                          keys[i].format, "-N", "",   "-f",         path, NULL};
    CHECK(run_program(argv) == 0);
  }
}

static void set_accounts(void *arg) {
  char text[16384], key[4096], file[64];
  size_t length = 0;
  struct p2p_err err;
  (void)arg;
  for (size_t i = 0; i < N_KEYS; i++) {
    snprintf(file, sizeof file, "%s.pub", keys[i].name);
    read_file(file, key, sizeof key);
    length += (size_t)snprintf(text + length, sizeof text - length, "%s %s", keys[i].name, key);
  }
  p2p_accounts_free(board.accounts);
  CHECK(p2p_accounts_parse(text, length, &board.accounts, &err) == P2P_OK);
}

static void open_board(void) {
  CHECK(start_board() == P2P_OK);
  CHECK(p2p_loop_call(loop, set_accounts, NULL) == P2P_OK);
}

/* Also trusts the host key on the port of the relay. */
static void trust_relay(void) {
  char path[256];
  path_in_folder("known_hosts", path);
  FILE *file = fopen(path, "a");
  CHECK(file != NULL);
  if (file == NULL) return;
  fprintf(file, "[127.0.0.1]:%u %s\n", (unsigned)relay_port, p2p_board_listener_host_key(server));
  fclose(file);
}

TEST(each_key_is_accepted_every_time) {
  make_keys();
  open_board();
  expect_logins(p2p_board_listener_port(server));
  stop_board();
}

TEST(each_key_is_accepted_every_time_by_a_distant_board) {
  pthread_t thread;
  start_relay(&thread);
  open_board();
  trust_relay();
  expect_logins(relay_port);
  stop_relay(thread);
  stop_board();
}

/* --- certificates --- */

static void certify_keys(void) {
  char ca[256], path[256];
  path_in_folder("k-ed25519", ca);
  for (size_t i = 0; i < N_KEYS; i++) {
    char file[64];
    snprintf(file, sizeof file, "%s.pub", keys[i].name);
    path_in_folder(file, path);
    const char *argv[] = {"ssh-keygen", "-q", "-s", ca, "-I", "test", "-n", "alice", path, NULL};
    CHECK(run_program(argv) == 0);
  }
}

TEST(a_certificate_beside_a_key_is_not_taken_for_another_key) {
  struct ssh ssh;
  certify_keys();
  open_board();
  expect_logins(p2p_board_listener_port(server));
  for (size_t i = 0; i < N_KEYS; i++) {
    CHECK(run_ssh(&ssh, keys[i].name, "user") == 0);
    CHECK(strncmp(ssh.output, keys[i].name, strlen(keys[i].name)) == 0);
  }
  stop_board();
}

/* With CertificateFile, and no certificate beside the key. */
TEST(a_certificate_of_an_option_is_not_taken_for_another_key) {
  struct ssh ssh;
  open_board();
  for (size_t i = 0; i < N_KEYS; i++) {
    char name[64], from[256], to[256], option[300];
    snprintf(name, sizeof name, "%s-cert.pub", keys[i].name);
    path_in_folder(name, from);
    path_in_folder("k-certificate", to);
    CHECK(rename(from, to) == 0);
    snprintf(option, sizeof option, "CertificateFile=%s", to);
    start_ssh(&ssh, keys[i].name, (const char *const[]){"-o", option, NULL}, "user");
    CHECK(end_ssh(&ssh) == 0);
    CHECK(strncmp(ssh.output, keys[i].name, strlen(keys[i].name)) == 0);
    CHECK(rename(to, from) == 0);
  }
  stop_board();
}

static pid_t start_agent(char path[256]) {
  path_in_folder("k-agent", path);
  pid_t pid = fork();
  if (pid == 0) {
    dup2(open("/dev/null", O_RDWR), 1);
    execlp("ssh-agent", "ssh-agent", "-D", "-a", path, (char *)NULL);
    _exit(127);
  }
  uint64_t end_ms = p2p_clock_ms() + WAIT_MS;
  while (access(path, F_OK) != 0 && p2p_clock_ms() < end_ms) poll(NULL, 0, 10);
  setenv("SSH_AUTH_SOCK", path, 1);
  return pid;
}

static int add_to_agent(const char *option, const char *name) {
  char path[256];
  path_in_folder(name, path);
  return run_program((const char *const[]){"ssh-add", option, path, NULL});
}

static void copy_file(const char *name, const char *copy) {
  char from[256], to[256];
  path_in_folder(name, from);
  path_in_folder(copy, to);
  CHECK(run_program((const char *const[]){"cp", from, to, NULL}) == 0);
}

/* The agent will offer the certificate first: ssh-add adds it after the key, so the key is removed
 * and added again, under a name that has no certificate. */
static void fill_agent(const char *name) {
  char public_key[64];
  snprintf(public_key, sizeof public_key, "%s.pub", name);
  copy_file(name, "k-plain");
  copy_file(public_key, "k-plain.pub");
  CHECK(run_program((const char *const[]){"ssh-add", "-q", "-D", NULL}) == 0);
  CHECK(add_to_agent("-q", name) == 0);
  CHECK(add_to_agent("-qd", "k-plain") == 0);
  CHECK(add_to_agent("-q", "k-plain") == 0);
}

TEST(each_key_of_an_agent_is_accepted_after_its_certificate) {
  pthread_t thread;
  char socket_path[256];
  struct login login;
  pid_t agent = start_agent(socket_path);
  start_relay(&thread);
  open_board();
  trust_relay();
  for (size_t i = 0; i < N_KEYS; i++) {
    fill_agent(keys[i].name);
    log_in(&login, NULL, relay_port);
    CHECK_STR(login.user, keys[i].name);
  }
  stop_relay(thread);
  stop_board();
  unsetenv("SSH_AUTH_SOCK");
  kill(agent, SIGTERM);
  waitpid(agent, NULL, 0);
}

TEST(remove_keys) {
  char command[300];
  snprintf(command, sizeof command, "rm -f %s/k-*", folder);
  CHECK(run_program((const char *const[]){"sh", "-c", command, NULL}) == 0);
}

UNIT_MAIN("ssh_keys", UNIT(prepare), UNIT(each_key_is_accepted_every_time),
          UNIT(each_key_is_accepted_every_time_by_a_distant_board),
          UNIT(a_certificate_beside_a_key_is_not_taken_for_another_key),
          UNIT(a_certificate_of_an_option_is_not_taken_for_another_key),
          UNIT(each_key_of_an_agent_is_accepted_after_its_certificate), UNIT(remove_keys),
          UNIT(clean_up))
