/* The SSH connection by libssh, to OpenSSH's sshd on loopback: login, errors, commands, and what
 * may block. */
#include "board/ssh.h"

#include <sys/un.h>

#include "board/ssh_handshake.h"
#include "board/ssh_host_key.h"
#include "descriptors.h"
#include "sshd_fixture.h"

static struct site site;
static struct site_gate gate = SITE_GATE;
static struct p2p_loop *loop;

/* One connection with at most two commands, and what happened to it. */
struct attempt {
  struct p2p_address address;
  struct p2p_ssh *ssh;
  uint32_t timeout_ms;
  struct p2p_err err;
  int code, ready, closed, started, ended[2], status[2];
  const char *run[2], *input;
  struct p2p_ssh_command *commands[2];
  bool free_on_ready, free_on_output;
  uint32_t silent_ms; /* 0: the default */
  size_t received[2], expected;
  char text[2][256];
  int enough;
};

struct channel {
  struct attempt *attempt;
  int which;
} channels[2];

static void on_start(void *arg) {
  struct channel *channel = arg;
  struct attempt *attempt = channel->attempt;
  if (channel->which == 0 && attempt->input != NULL)
    CHECK(p2p_ssh_command_write(attempt->commands[0], attempt->input, strlen(attempt->input)) ==
          P2P_OK);
  site_count(&gate, &attempt->started);
}

static void on_output(void *arg, const char *bytes, size_t length) {
  struct channel *channel = arg;
  struct attempt *attempt = channel->attempt;
  char *text = attempt->text[channel->which];
  size_t used = strlen(text), room = sizeof attempt->text[0] - 1 - used;
  if (memchr(bytes, 0, length) == NULL) strncat(text, bytes, length < room ? length : room);
  attempt->received[channel->which] += length;
  if (attempt->expected > 0 && attempt->received[channel->which] >= attempt->expected) {
    attempt->expected = 0;
    site_count(&gate, &attempt->enough);
  }
  if (attempt->free_on_output) {
    p2p_ssh_command_free(attempt->commands[channel->which]);
    p2p_ssh_free(attempt->ssh);
    attempt->ssh = NULL;
    site_count(&gate, &attempt->enough);
  }
}

static void on_end(void *arg, int exit_status) {
  struct channel *channel = arg;
  channel->attempt->status[channel->which] = exit_status;
  site_count(&gate, &channel->attempt->ended[channel->which]);
}

static void on_ready(void *arg) {
  static const struct p2p_ssh_command_callbacks callbacks = {on_start, on_output, on_end};
  struct attempt *attempt = arg;
  if (attempt->silent_ms > 0) p2p_ssh_set_silence(attempt->ssh, attempt->silent_ms);
  for (int i = 0; i < 2; i++) {
    if (attempt->run[i] == NULL) continue;
    channels[i] = (struct channel){attempt, i};
    CHECK(p2p_ssh_run(attempt->ssh, attempt->run[i], &callbacks, &channels[i],
                      &attempt->commands[i], NULL) == P2P_OK);
  }
  if (attempt->free_on_ready) {
    p2p_ssh_free(attempt->ssh);
    attempt->ssh = NULL;
  }
  site_count(&gate, &attempt->ready);
}

static void on_close(void *arg, const struct p2p_err *err) {
  struct attempt *attempt = arg;
  attempt->err = *err;
  site_count(&gate, &attempt->closed);
}

static void connect_on_loop(void *arg) {
  static const struct p2p_ssh_callbacks callbacks = {on_ready, on_close};
  struct attempt *attempt = arg;
  const struct p2p_ssh_request request = {loop, &attempt->address, attempt->timeout_ms};
  attempt->code = p2p_ssh_connect(&request, &callbacks, attempt, &attempt->ssh, &attempt->err);
}

static void free_on_loop(void *arg) {
  struct attempt *attempt = arg;
  p2p_ssh_free(attempt->ssh);
  attempt->ssh = NULL;
}

/* Loopback, the known_hosts of the site, only the key `key`. */
static void prepare(struct attempt *attempt, const char *key) {
  memset(attempt, 0, sizeof *attempt);
  attempt->timeout_ms = 10000;
  snprintf(attempt->address.host, sizeof attempt->address.host, "127.0.0.1");
  attempt->address.port = site.port;
  attempt->address.identities_only = true;
  snprintf(attempt->address.known_hosts, sizeof attempt->address.known_hosts, "%s",
           site_path(&site, "known_hosts"));
  snprintf(attempt->address.identities[0], sizeof attempt->address.identities[0], "%s",
           site_path(&site, key));
  attempt->address.n_identities = 1;
}

static void start(struct attempt *attempt) {
  CHECK(p2p_loop_call(loop, connect_on_loop, attempt) == P2P_OK);
  CHECK(attempt->code == P2P_OK);
}

static void stop(struct attempt *attempt) {
  CHECK(p2p_loop_call(loop, free_on_loop, attempt) == P2P_OK);
}

/* Connects and expects to be closed with this code. */
static void expect_closed(struct attempt *attempt, int code) {
  start(attempt);
  CHECK(site_wait(&gate, &attempt->closed, 1));
  CHECK(attempt->ready == 0);
  if (attempt->err.code != code)
    fprintf(stderr, "%d %s\n", attempt->err.code, attempt->err.message);
  CHECK(attempt->err.code == code);
  stop(attempt);
}

static void trust_host(const char *key) {
  char text[1024];
  site_public_key(&site, key, text, sizeof text);
  site_write(&site, "known_hosts", "[127.0.0.1]:%u %s\n", site.port, text);
}

static void open_site(void) {
  char text[1024];
  site_open(&site);
  site_key(&site, "host", "");
  site_key(&site, "other_host", "");
  site_key(&site, "alice", "");
  site_key(&site, "stranger", "");
  site_key(&site, "locked", "secret");
  site_write(&site, "board.sh",
             "case \"$SSH_ORIGINAL_COMMAND\" in\n"
             "user) printf '%%s\\nid\\n2026\\n' \"$1\";;\n"
             "exit3) exit 3;;\n"
             "cat) exec cat;;\n"
             "flood) head -c 3000000 /dev/zero;;\n"
             "errors) head -c 3000000 /dev/zero >&2; echo done;;\n"
             "die) kill $PPID;;\n"
             "freeze) echo $PPID > %s; kill -STOP $PPID;;\n"
             "later) sleep 4; echo still here;;\n"
             "*) echo \"what? $SSH_ORIGINAL_COMMAND\";;\n"
             "esac\n",
             site_path(&site, "frozen"));
  site_public_key(&site, "alice", text, sizeof text);
  site_write(&site, "authorized_keys", "restrict,command=\"/bin/sh %s alice\" %s\n",
             site_path(&site, "board.sh"), text);
  site_start_sshd(&site, "host");
  trust_host("host");
  CHECK(p2p_loop_start(&loop, NULL) == P2P_OK);
}

TEST(a_known_key_runs_a_command) {
  struct attempt attempt;
  open_site();
  prepare(&attempt, "alice");
  attempt.run[0] = "user";
  start(&attempt);
  CHECK(site_wait(&gate, &attempt.ended[0], 1));
  CHECK_STR(attempt.text[0], "alice\nid\n2026\n");
  CHECK(attempt.started == 1 && attempt.status[0] == 0);
  CHECK_STR(p2p_ssh_host(attempt.ssh), "127.0.0.1");
  stop(&attempt);
}

TEST(two_commands_run_at_once_and_report_their_exit_status) {
  struct attempt attempt;
  prepare(&attempt, "alice");
  attempt.run[0] = "cat";
  attempt.run[1] = "exit3";
  attempt.input = "hello\n";
  attempt.expected = 6;
  start(&attempt);
  CHECK(site_wait(&gate, &attempt.ended[1], 1));
  CHECK(attempt.status[1] == 3);
  CHECK(site_wait(&gate, &attempt.enough, 1));
  CHECK_STR(attempt.text[0], "hello\n");
  CHECK(attempt.ended[0] == 0);
  stop(&attempt);
  CHECK(attempt.closed == 0);
}

static void write_much(void *arg) {
  struct attempt *attempt = arg;
  static char bytes[8000];
  memset(bytes, 'x', sizeof bytes);
  bytes[sizeof bytes - 1] = '\n';
  int accepted = 0, code;
  while ((code = p2p_ssh_command_write(attempt->commands[0], bytes, sizeof bytes)) == P2P_OK)
    accepted++;
  CHECK(code == P2P_ERR_TOO_LARGE);
  CHECK(accepted * sizeof bytes > 1000000);
  attempt->expected = accepted * sizeof bytes;
}

TEST(writes_beyond_the_queue_are_refused_and_the_rest_arrives) {
  struct attempt attempt;
  prepare(&attempt, "alice");
  attempt.run[0] = "cat";
  start(&attempt);
  CHECK(site_wait(&gate, &attempt.started, 1));
  CHECK(p2p_loop_call(loop, write_much, &attempt) == P2P_OK);
  CHECK(site_wait(&gate, &attempt.enough, 1));
  stop(&attempt);
}

TEST(a_flood_on_both_streams_is_read_to_its_end) {
  struct attempt attempt;
  prepare(&attempt, "alice");
  attempt.run[0] = "flood";
  attempt.run[1] = "errors";
  start(&attempt);
  CHECK(site_wait(&gate, &attempt.ended[0], 1));
  CHECK(site_wait(&gate, &attempt.ended[1], 1));
  CHECK(attempt.received[0] == 3000000);
  CHECK_STR(attempt.text[1], "done\n");
  stop(&attempt);
}

TEST(the_connection_can_be_freed_from_its_callbacks) {
  struct attempt attempt;
  prepare(&attempt, "alice");
  attempt.run[0] = "user";
  attempt.free_on_ready = true;
  start(&attempt);
  CHECK(site_wait(&gate, &attempt.ready, 1));
  prepare(&attempt, "alice");
  attempt.run[0] = "user";
  attempt.run[1] = "flood";
  attempt.free_on_output = true;
  start(&attempt);
  CHECK(site_wait(&gate, &attempt.enough, 1));
  CHECK(attempt.ended[0] + attempt.ended[1] == 0);
}

TEST(a_broken_connection_is_reported_once_and_no_command_ends) {
  struct attempt attempt;
  prepare(&attempt, "alice");
  attempt.run[0] = "cat";
  attempt.run[1] = "die";
  start(&attempt);
  CHECK(site_wait(&gate, &attempt.closed, 1));
  CHECK(attempt.err.code == P2P_ERR_CLOSED);
  CHECK(attempt.ended[0] == 0);
  stop(&attempt);
}

TEST(an_idle_board_that_answers_keepalives_stays_connected) {
  struct attempt attempt;
  prepare(&attempt, "alice");
  attempt.run[0] = "later";
  attempt.silent_ms = 2000; /* half of it is what a busy machine has for an answer; the command is
                             silent for longer than all of it */
  start(&attempt);
  CHECK(site_wait(&gate, &attempt.ended[0], 1));
  CHECK_STR(attempt.text[0], "still here\n");
  CHECK(attempt.closed == 0);
  stop(&attempt);
}

TEST(a_board_that_stops_responding_is_given_up) {
  struct attempt attempt;
  char frozen[16];
  prepare(&attempt, "alice");
  attempt.run[0] = "cat";
  attempt.run[1] =
      "freeze"; /* sshd's end of this connection: the kernel still acknowledges what we send */
  attempt.silent_ms = 200;
  start(&attempt);
  CHECK(site_wait(&gate, &attempt.closed, 1));
  CHECK(attempt.err.code == P2P_ERR_TIMEOUT &&
        strstr(attempt.err.message, "stopped responding") != NULL);
  stop(&attempt);
  site_read(&site, "frozen", frozen, sizeof frozen);
  CHECK(atoi(frozen) > 1 && kill(atoi(frozen), SIGKILL) == 0);
}

/* The known_hosts entry in the error: what is between the last two single quotes. */
static void find_entry(const char *message, char *out, size_t size) {
  const char *end = strrchr(message, '\''), *start = end;
  while (start > message && start[-1] != '\'') start--;
  snprintf(out, size, "%.*s", end == NULL ? 0 : (int)(end - start), start);
}

TEST(the_known_hosts_entry_of_an_unknown_host_key_makes_the_connection_work) {
  struct attempt attempt;
  char entry[1100], name[32];
  snprintf(name, sizeof name, "[127.0.0.1]:%u ssh-ed25519 ", site.port);
  for (int file_exists = 1; file_exists >= 0; file_exists--) {
    site_write(&site, "known_hosts", "# no entry\n");
    if (!file_exists) unlink(site_path(&site, "known_hosts"));
    prepare(&attempt, "alice");
    expect_closed(&attempt, P2P_ERR_HOST_KEY);
    CHECK_STR(attempt.err.reason, "unknown_host_key");
    CHECK(strstr(attempt.err.message, attempt.address.known_hosts) != NULL);
    CHECK(strstr(attempt.err.message, "ssh-ed25519 SHA256:") != NULL);
    CHECK(strstr(attempt.err.message, "ssh-keyscan") == NULL);
    find_entry(attempt.err.message, entry, sizeof entry);
    CHECK(strncmp(entry, name, strlen(name)) == 0 && strchr(entry, '\n') == NULL);
    site_write(&site, "known_hosts", "%s\n", entry);
    prepare(&attempt, "alice");
    start(&attempt);
    CHECK(site_wait(&gate, &attempt.ready, 1));
    stop(&attempt);
  }
  trust_host("host");
}

TEST(a_known_hosts_entry_has_the_form_of_openssh) {
  char entry[P2P_KNOWN_HOSTS_ENTRY_MAX], text[P2P_KNOWN_HOSTS_ENTRY_MAX];
  CHECK(p2p_known_hosts_entry("Board.Example.org", 22, "ssh-ed25519", "AAAA", entry) == P2P_OK);
  CHECK_STR(entry, "board.example.org ssh-ed25519 AAAA");
  CHECK(p2p_known_hosts_entry("board", 2222, "ssh-rsa", "AAAA", entry) == P2P_OK);
  CHECK_STR(entry, "[board]:2222 ssh-rsa AAAA");
  CHECK(p2p_known_hosts_entry("::1", 2222, "ssh-ed25519", "AAAA", entry) == P2P_OK);
  CHECK_STR(entry, "[::1]:2222 ssh-ed25519 AAAA");
  CHECK(p2p_known_hosts_entry("2001:db8::1", 22, "ssh-ed25519", "AAAA", entry) == P2P_OK);
  CHECK_STR(entry, "2001:db8::1 ssh-ed25519 AAAA");
  memset(text, 'A', sizeof text - 1);
  text[sizeof text - 1] = '\0';
  CHECK(p2p_known_hosts_entry("board", 22, "ssh-rsa", text, entry) == P2P_ERR_TOO_LARGE);
  CHECK(p2p_known_hosts_entry(text, 22, "ssh-rsa", "AAAA", entry) == P2P_ERR_TOO_LARGE);
}

TEST(a_changed_host_key_is_refused) {
  struct attempt attempt;
  trust_host("other_host");
  prepare(&attempt, "alice");
  expect_closed(&attempt, P2P_ERR_HOST_KEY);
  CHECK_STR(attempt.err.reason, "changed_host_key");
  CHECK(strstr(attempt.err.message, "ssh-ed25519 SHA256:") != NULL);
  CHECK(strstr(attempt.err.message, attempt.address.known_hosts) != NULL);
  trust_host("host");
}

TEST(rejected_keys_are_listed_with_the_reason) {
  struct attempt attempt;
  prepare(&attempt, "stranger");
  snprintf(attempt.address.identities[1], sizeof attempt.address.identities[1], "%s",
           site_path(&site, "locked"));
  snprintf(attempt.address.identities[2], sizeof attempt.address.identities[2], "%s",
           site_path(&site, "missing"));
  snprintf(attempt.address.identities[3], sizeof attempt.address.identities[3], "%s",
           site_path(&site, "board.sh"));
  attempt.address.n_identities = 4;
  expect_closed(&attempt, P2P_ERR_AUTH);
  CHECK(strstr(attempt.err.message, "stranger (not accepted)") != NULL);
  CHECK(strstr(attempt.err.message, "locked (has a passphrase and is not in ssh-agent)") != NULL);
  CHECK(strstr(attempt.err.message, "missing (no such file)") != NULL);
  CHECK(strstr(attempt.err.message, "board.sh (not a readable private key)") != NULL);
  CHECK(strstr(attempt.err.message, "secret") == NULL);
}

TEST(the_second_key_is_tried_after_the_first_is_rejected) {
  struct attempt attempt;
  prepare(&attempt, "stranger");
  snprintf(attempt.address.identities[1], sizeof attempt.address.identities[1], "%s",
           site_path(&site, "alice"));
  attempt.address.n_identities = 2;
  start(&attempt);
  CHECK(site_wait(&gate, &attempt.ready, 1));
  stop(&attempt);
}

/* ssh-agent of the site; its pid. */
static pid_t start_agent(void) {
  int said[2];
  CHECK(pipe(said) == 0);
  pid_t pid = fork();
  if (pid == 0) {
    dup2(said[1], 1);
    execlp("ssh-agent", "ssh-agent", "-D", "-a", site_path(&site, "agent"), (char *)NULL);
    _exit(127);
  }
  close(said[1]);
  CHECK(site_await_text(said[0], "SSH_AUTH_SOCK"));
  close(said[0]);
  setenv("SSH_AUTH_SOCK", site_path(&site, "agent"), 1);
  return pid;
}

TEST(the_agent_is_used_unless_identities_only) {
  struct attempt attempt;
  pid_t agent = start_agent();
  const char *add[] = {"ssh-add", "-q", site_path(&site, "alice"), NULL};
  CHECK(site_run(add) == 0);
  prepare(&attempt, "stranger");
  attempt.address.identities_only = false;
  start(&attempt);
  CHECK(site_wait(&gate, &attempt.ready, 1));
  stop(&attempt);
  prepare(&attempt, "stranger");
  expect_closed(&attempt, P2P_ERR_AUTH);
  CHECK(strstr(attempt.err.message, "ssh-agent") == NULL);
  kill(agent, SIGTERM);
  waitpid(agent, NULL, 0);
  unsetenv("SSH_AUTH_SOCK");
}

/* ---- what may block ---- */

static struct p2p_timer *ticker;
static int ticks;

static void on_tick(void *arg) {
  (void)arg;
  site_count(&gate, &ticks);
}
static void start_ticker(void *arg) {
  (void)arg;
  ticks = 0;
  ticker = p2p_timer_new(loop, on_tick, NULL);
  p2p_timer_start(ticker, 20, 20);
}
static void stop_ticker(void *arg) {
  (void)arg;
  p2p_timer_free(ticker);
}

/* An agent that accepts connections and never answers. */
static int start_silent_agent(void) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  snprintf(address.sun_path, sizeof address.sun_path, "%s", site_path(&site, "silent_agent"));
  unlink(address.sun_path);
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  CHECK(bind(fd, (struct sockaddr *)&address, sizeof address) == 0 && listen(fd, 8) == 0);
  setenv("SSH_AUTH_SOCK", address.sun_path, 1);
  return fd;
}

static void prepare_with_agent(struct attempt *attempt) {
  prepare(attempt, "stranger");
  attempt->address.identities_only = false;
}

static bool wait_for_request(int agent) {
  int fd = accept(agent, NULL, NULL);
  char byte;
  bool came = recv(fd, &byte, 1, MSG_PEEK) == 1;
  return came && fd >= 0; /* the connection stays open, without an answer */
}

static int count_threads(void) { return count_files("/proc/self/task"); }

TEST(an_agent_that_never_answers_ends_the_attempt_and_the_loop_goes_on) {
  struct attempt attempt;
  int agent = start_silent_agent();
  CHECK(p2p_loop_call(loop, start_ticker, NULL) == P2P_OK);
  prepare_with_agent(&attempt);
  attempt.timeout_ms = 30000;
  time_t before = time(NULL);
  expect_closed(&attempt, P2P_ERR_TIMEOUT);
  CHECK(time(NULL) - before <= P2P_SSH_AGENT_TIMEOUT_MS / 1000 + 2);
  CHECK(ticks >= 100);
  CHECK_STR(attempt.err.reason, "agent_timeout");
  CHECK(strstr(attempt.err.message, site_path(&site, "silent_agent")) != NULL);
  CHECK(strstr(attempt.err.message, "SSH_AUTH_SOCK") != NULL);
  CHECK(p2p_loop_call(loop, stop_ticker, NULL) == P2P_OK);
  close(agent);
  unsetenv("SSH_AUTH_SOCK");
}

TEST(a_shorter_timeout_than_that_of_the_agent_names_the_agent) {
  struct attempt attempt;
  int agent = start_silent_agent();
  prepare_with_agent(&attempt);
  attempt.timeout_ms = 1500;
  expect_closed(&attempt, P2P_ERR_TIMEOUT);
  CHECK_STR(attempt.err.reason, "agent_timeout");
  close(agent);
  unsetenv("SSH_AUTH_SOCK");
}

/* With a loop of its own, whose end waits for the job. */
TEST(freeing_while_the_agent_is_silent_leaves_no_thread_and_no_descriptor) {
  struct p2p_loop *first = loop;
  struct attempt attempt;
  int agent = start_silent_agent();
  int descriptors = count_descriptors(), threads = count_threads();
  for (int i = 0; i < 5; i++) {
    CHECK(p2p_loop_start(&loop, NULL) == P2P_OK);
    prepare_with_agent(&attempt);
    start(&attempt);
    CHECK(wait_for_request(agent));
    stop(&attempt);
    CHECK(attempt.closed == 0);
    time_t before = time(NULL);
    p2p_loop_stop(loop);
    CHECK(time(NULL) - before <= 2);
  }
  CHECK(count_descriptors() <= descriptors + 5); /* the agent's ends */
  CHECK(count_threads() <= threads);             /* those of the pool were there before */
  loop = first;
  close(agent);
  unsetenv("SSH_AUTH_SOCK");
}

/* A file system that does not answer: a FIFO blocks whoever opens it to read. */
static void replace_by_fifo(const char *path) {
  unlink(path);
  CHECK(mkfifo(path, 0600) == 0);
}
static void release_fifo(const char *path) {
  int fd = open(path, O_WRONLY | O_NONBLOCK);
  if (fd >= 0) close(fd);
  unlink(path);
}

TEST(files_that_cannot_be_read_end_the_attempt_and_the_loop_goes_on) {
  struct attempt attempt;
  const char *const names[] = {"slow_config", "slow_key", "slow_known_hosts"};
  CHECK(p2p_loop_call(loop, start_ticker, NULL) == P2P_OK);
  for (int i = 0; i < 3; i++) {
    char path[160];
    snprintf(path, sizeof path, "%s", site_path(&site, names[i]));
    replace_by_fifo(path);
    prepare(&attempt, i == 1 ? names[i] : "alice");
    if (i == 0) snprintf(attempt.address.config, sizeof attempt.address.config, "%s", path);
    if (i == 2)
      snprintf(attempt.address.known_hosts, sizeof attempt.address.known_hosts, "%s", path);
    attempt.timeout_ms = 1000;
    int before = ticks;
    expect_closed(&attempt, P2P_ERR_TIMEOUT);
    CHECK(ticks - before >= 10);
    CHECK_STR(attempt.err.reason, i == 2 ? "no_answer" : "ssh_files");
    release_fifo(path);
  }
  CHECK(p2p_loop_call(loop, stop_ticker, NULL) == P2P_OK);
}

TEST(another_connection_goes_on_while_an_attempt_waits_for_the_agent) {
  struct attempt busy, attempt;
  prepare(&busy, "alice");
  busy.run[0] = "cat";
  busy.silent_ms = 1000;
  start(&busy);
  CHECK(site_wait(&gate, &busy.started, 1));
  int agent = start_silent_agent();
  prepare_with_agent(&attempt);
  attempt.timeout_ms = 4000;
  expect_closed(&attempt, P2P_ERR_TIMEOUT);
  CHECK(busy.closed == 0);
  stop(&busy);
  close(agent);
  unsetenv("SSH_AUTH_SOCK");
}

TEST(an_unreachable_port_is_named) {
  struct attempt attempt;
  char place[32];
  prepare(&attempt, "alice");
  attempt.address.port = site_free_port();
  snprintf(place, sizeof place, "127.0.0.1:%u", attempt.address.port);
  expect_closed(&attempt, P2P_ERR_NETWORK);
  CHECK(strstr(attempt.err.message, place) != NULL);
}

/* A listener that never says a word, and one that is no SSH server. */
static int listen_on(uint16_t *port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof address;
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  CHECK(bind(fd, (struct sockaddr *)&address, sizeof address) == 0 && listen(fd, 4) == 0);
  CHECK(getsockname(fd, (struct sockaddr *)&address, &length) == 0);
  *port = ntohs(address.sin_port);
  return fd;
}

TEST(a_silent_server_is_a_timeout) {
  struct attempt attempt;
  prepare(&attempt, "alice");
  int fd = listen_on(&attempt.address.port);
  attempt.timeout_ms = 300;
  expect_closed(&attempt, P2P_ERR_TIMEOUT);
  CHECK(strstr(attempt.err.message, "handshake") != NULL);
  close(fd);
}

TEST(a_server_of_another_protocol_is_a_network_error) {
  struct attempt attempt;
  prepare(&attempt, "alice");
  int fd = listen_on(&attempt.address.port);
  start(&attempt);
  int peer = accept(fd, NULL, NULL);
  const char *answer = "HTTP/1.1 400 Bad Request\r\n\r\n";
  CHECK(write(peer, answer, strlen(answer)) > 0);
  close(peer);
  CHECK(site_wait(&gate, &attempt.closed, 1));
  CHECK(attempt.err.code == P2P_ERR_NETWORK);
  stop(&attempt);
  close(fd);
}

TEST(freeing_while_connecting_is_silent) {
  struct attempt attempt;
  prepare(&attempt, "alice");
  start(&attempt);
  stop(&attempt);
  CHECK(attempt.closed == 0);
  p2p_loop_stop(loop);
  site_close(&site);
}

UNIT_MAIN("ssh", UNIT(a_known_key_runs_a_command),
          UNIT(two_commands_run_at_once_and_report_their_exit_status),
          UNIT(writes_beyond_the_queue_are_refused_and_the_rest_arrives),
          UNIT(a_flood_on_both_streams_is_read_to_its_end),
          UNIT(the_connection_can_be_freed_from_its_callbacks),
          UNIT(a_broken_connection_is_reported_once_and_no_command_ends),
          UNIT(an_idle_board_that_answers_keepalives_stays_connected),
          UNIT(a_board_that_stops_responding_is_given_up),
          UNIT(the_known_hosts_entry_of_an_unknown_host_key_makes_the_connection_work),
          UNIT(a_known_hosts_entry_has_the_form_of_openssh), UNIT(a_changed_host_key_is_refused),
          UNIT(rejected_keys_are_listed_with_the_reason),
          UNIT(the_second_key_is_tried_after_the_first_is_rejected),
          UNIT(the_agent_is_used_unless_identities_only),
          UNIT(an_agent_that_never_answers_ends_the_attempt_and_the_loop_goes_on),
          UNIT(a_shorter_timeout_than_that_of_the_agent_names_the_agent),
          UNIT(freeing_while_the_agent_is_silent_leaves_no_thread_and_no_descriptor),
          UNIT(files_that_cannot_be_read_end_the_attempt_and_the_loop_goes_on),
          UNIT(another_connection_goes_on_while_an_attempt_waits_for_the_agent),
          UNIT(an_unreachable_port_is_named), UNIT(a_silent_server_is_a_timeout),
          UNIT(a_server_of_another_protocol_is_a_network_error),
          UNIT(freeing_while_connecting_is_silent))
