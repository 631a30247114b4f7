/* The SSH connection against OpenSSH's sshd on loopback: who gets in, who is told what, and
 * commands. */
#include "board/ssh_session.h"

#include "sshd_fixture.h"

static struct site site;
static struct site_gate gate = SITE_GATE;
static struct p2p_loop *loop;

/* One connection with at most two commands, and all that happened to it. */
struct visit {
  struct p2p_address address;
  struct p2p_ssh *ssh;
  uint32_t timeout_ms;
  struct p2p_err err;
  int code, ready, closed, started, ended[2], status[2];
  const char *run[2], *say;
  struct p2p_ssh_command *commands[2];
  bool free_on_ready, free_on_output;
  uint32_t silent_ms; /* 0: as it is */
  size_t received[2], expected;
  char text[2][256];
  int enough;
};

struct side {
  struct visit *visit;
  int which;
} sides[2];

static void on_start(void *arg) {
  struct side *side = arg;
  struct visit *visit = side->visit;
  if (side->which == 0 && visit->say != NULL)
    CHECK(p2p_ssh_command_write(visit->commands[0], visit->say, strlen(visit->say)) == P2P_OK);
  site_count(&gate, &visit->started);
}

static void on_output(void *arg, const char *bytes, size_t length) {
  struct side *side = arg;
  struct visit *visit = side->visit;
  char *text = visit->text[side->which];
  size_t used = strlen(text), room = sizeof visit->text[0] - 1 - used;
  if (memchr(bytes, 0, length) == NULL) strncat(text, bytes, length < room ? length : room);
  visit->received[side->which] += length;
  if (visit->expected > 0 && visit->received[side->which] >= visit->expected) {
    visit->expected = 0;
    site_count(&gate, &visit->enough);
  }
  if (visit->free_on_output) {
    p2p_ssh_command_free(visit->commands[side->which]);
    p2p_ssh_free(visit->ssh);
    visit->ssh = NULL;
    site_count(&gate, &visit->enough);
  }
}

static void on_end(void *arg, int exit_status) {
  struct side *side = arg;
  side->visit->status[side->which] = exit_status;
  site_count(&gate, &side->visit->ended[side->which]);
}

static void on_ready(void *arg) {
  static const struct p2p_ssh_command_callbacks callbacks = {on_start, on_output, on_end};
  struct visit *visit = arg;
  if (visit->silent_ms > 0) p2p_ssh_set_silence(visit->ssh, visit->silent_ms);
  for (int i = 0; i < 2; i++) {
    if (visit->run[i] == NULL) continue;
    sides[i] = (struct side){visit, i};
    CHECK(p2p_ssh_run(visit->ssh, visit->run[i], &callbacks, &sides[i], &visit->commands[i],
                      NULL) == P2P_OK);
  }
  if (visit->free_on_ready) {
    p2p_ssh_free(visit->ssh);
    visit->ssh = NULL;
  }
  site_count(&gate, &visit->ready);
}

static void on_close(void *arg, const struct p2p_err *err) {
  struct visit *visit = arg;
  visit->err = *err;
  site_count(&gate, &visit->closed);
}

static void go(void *arg) {
  static const struct p2p_ssh_callbacks callbacks = {on_ready, on_close};
  struct visit *visit = arg;
  visit->code = p2p_ssh_connect(loop, &visit->address, visit->timeout_ms, &callbacks, visit,
                                &visit->ssh, &visit->err);
}

static void leave(void *arg) {
  struct visit *visit = arg;
  p2p_ssh_free(visit->ssh);
  visit->ssh = NULL;
}

/* Loopback, the site's known_hosts, the key `key` and no other. */
static void prepare(struct visit *visit, const char *key) {
  memset(visit, 0, sizeof *visit);
  visit->timeout_ms = 10000;
  snprintf(visit->address.host, sizeof visit->address.host, "127.0.0.1");
  visit->address.port = site.port;
  visit->address.identities_only = true;
  snprintf(visit->address.known_hosts, sizeof visit->address.known_hosts, "%s",
           site_path(&site, "known_hosts"));
  snprintf(visit->address.identities[0], sizeof visit->address.identities[0], "%s",
           site_path(&site, key));
  visit->address.n_identities = 1;
}

static void start(struct visit *visit) {
  CHECK(p2p_loop_call(loop, go, visit) == P2P_OK);
  CHECK(visit->code == P2P_OK);
}

static void stop(struct visit *visit) { CHECK(p2p_loop_call(loop, leave, visit) == P2P_OK); }

/* Connects and expects to be closed with this code. */
static void expect_closed(struct visit *visit, int code) {
  start(visit);
  CHECK(site_wait(&gate, &visit->closed, 1));
  CHECK(visit->ready == 0);
  if (visit->err.code != code) fprintf(stderr, "%d %s\n", visit->err.code, visit->err.message);
  CHECK(visit->err.code == code);
  stop(visit);
}

static void know_host(const char *key) {
  char text[1024];
  site_public_key(&site, key, text, sizeof text);
  site_write(&site, "known_hosts", "[127.0.0.1]:%u %s\n", site.port, text);
}

static void open_lab(void) {
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
  know_host("host");
  CHECK(p2p_loop_start(&loop, NULL) == P2P_OK);
}

TEST(a_known_key_runs_a_command) {
  struct visit visit;
  open_lab();
  prepare(&visit, "alice");
  visit.run[0] = "user";
  start(&visit);
  CHECK(site_wait(&gate, &visit.ended[0], 1));
  CHECK_STR(visit.text[0], "alice\nid\n2026\n");
  CHECK(visit.started == 1 && visit.status[0] == 0);
  CHECK_STR(p2p_ssh_host(visit.ssh), "127.0.0.1");
  stop(&visit);
}

TEST(two_commands_run_at_once_and_tell_their_exit_status) {
  struct visit visit;
  prepare(&visit, "alice");
  visit.run[0] = "cat";
  visit.run[1] = "exit3";
  visit.say = "hello\n";
  visit.expected = 6;
  start(&visit);
  CHECK(site_wait(&gate, &visit.ended[1], 1));
  CHECK(visit.status[1] == 3);
  CHECK(site_wait(&gate, &visit.enough, 1));
  CHECK_STR(visit.text[0], "hello\n");
  CHECK(visit.ended[0] == 0);
  stop(&visit);
  CHECK(visit.closed == 0);
}

static void write_much(void *arg) {
  struct visit *visit = arg;
  static char bytes[8000];
  memset(bytes, 'x', sizeof bytes);
  bytes[sizeof bytes - 1] = '\n';
  int accepted = 0, code;
  while ((code = p2p_ssh_command_write(visit->commands[0], bytes, sizeof bytes)) == P2P_OK)
    accepted++;
  CHECK(code == P2P_ERR_TOO_LARGE);
  CHECK(accepted * sizeof bytes > 1000000);
  visit->expected = accepted * sizeof bytes;
}

TEST(what_exceeds_the_window_and_the_queue_is_refused_and_the_rest_arrives) {
  struct visit visit;
  prepare(&visit, "alice");
  visit.run[0] = "cat";
  start(&visit);
  CHECK(site_wait(&gate, &visit.started, 1));
  CHECK(p2p_loop_call(loop, write_much, &visit) == P2P_OK);
  CHECK(site_wait(&gate, &visit.enough, 1));
  stop(&visit);
}

TEST(a_flood_on_both_streams_is_read_to_its_end) {
  struct visit visit;
  prepare(&visit, "alice");
  visit.run[0] = "flood";
  visit.run[1] = "errors";
  start(&visit);
  CHECK(site_wait(&gate, &visit.ended[0], 1));
  CHECK(site_wait(&gate, &visit.ended[1], 1));
  CHECK(visit.received[0] == 3000000);
  CHECK_STR(visit.text[1], "done\n");
  stop(&visit);
}

TEST(the_connection_can_be_freed_from_its_events) {
  struct visit visit;
  prepare(&visit, "alice");
  visit.run[0] = "user";
  visit.free_on_ready = true;
  start(&visit);
  CHECK(site_wait(&gate, &visit.ready, 1));
  prepare(&visit, "alice");
  visit.run[0] = "user";
  visit.run[1] = "flood";
  visit.free_on_output = true;
  start(&visit);
  CHECK(site_wait(&gate, &visit.enough, 1));
  CHECK(visit.ended[0] + visit.ended[1] == 0);
}

TEST(a_connection_that_breaks_is_told_once_and_no_command_ends) {
  struct visit visit;
  prepare(&visit, "alice");
  visit.run[0] = "cat";
  visit.run[1] = "die";
  start(&visit);
  CHECK(site_wait(&gate, &visit.closed, 1));
  CHECK(visit.err.code == P2P_ERR_CLOSED);
  CHECK(visit.ended[0] == 0);
  stop(&visit);
}

TEST(who_has_nothing_to_say_but_answers_is_there) {
  struct visit visit;
  prepare(&visit, "alice");
  visit.run[0] = "later";
  visit.silent_ms = 2000; /* half of it is what a busy machine has for an answer; the command is
                             silent for longer than all of it */
  start(&visit);
  CHECK(site_wait(&gate, &visit.ended[0], 1));
  CHECK_STR(visit.text[0], "still here\n");
  CHECK(visit.closed == 0);
  stop(&visit);
}

TEST(a_connection_that_has_fallen_silent_is_given_up) {
  struct visit visit;
  char frozen[16];
  prepare(&visit, "alice");
  visit.run[0] = "cat";
  visit.run[1] =
      "freeze"; /* sshd's end of this connection: the kernel still acknowledges what we send */
  visit.silent_ms = 200;
  start(&visit);
  CHECK(site_wait(&gate, &visit.closed, 1));
  CHECK(visit.err.code == P2P_ERR_TIMEOUT && strstr(visit.err.message, "silent") != NULL);
  stop(&visit);
  site_read(&site, "frozen", frozen, sizeof frozen);
  CHECK(atoi(frozen) > 1 && kill(atoi(frozen), SIGKILL) == 0);
}

TEST(an_unknown_host_key_is_an_error_that_says_how_to_accept_it) {
  struct visit visit;
  char accept[1100];
  site_write(&site, "known_hosts", "# nobody\n");
  prepare(&visit, "alice");
  expect_closed(&visit, P2P_ERR_HOST_KEY);
  snprintf(accept, sizeof accept, "ssh-keyscan -p %u 127.0.0.1 >> %s", site.port,
           visit.address.known_hosts);
  CHECK(strstr(visit.err.message, accept) != NULL);
  CHECK(strstr(visit.err.message, "ssh-ed25519 SHA256:") != NULL);
  unlink(site_path(&site, "known_hosts"));
  prepare(&visit, "alice");
  expect_closed(&visit, P2P_ERR_HOST_KEY);
  CHECK(strstr(visit.err.message, accept) != NULL);
}

TEST(a_changed_host_key_is_refused) {
  struct visit visit;
  know_host("other_host");
  prepare(&visit, "alice");
  expect_closed(&visit, P2P_ERR_HOST_KEY);
  CHECK(strstr(visit.err.message, "REFUSED") != NULL);
  CHECK(strstr(visit.err.message, visit.address.known_hosts) != NULL);
  know_host("host");
}

TEST(a_key_that_is_not_accepted_gets_a_list_of_what_was_tried) {
  struct visit visit;
  prepare(&visit, "stranger");
  snprintf(visit.address.identities[1], sizeof visit.address.identities[1], "%s",
           site_path(&site, "locked"));
  snprintf(visit.address.identities[2], sizeof visit.address.identities[2], "%s",
           site_path(&site, "missing"));
  snprintf(visit.address.identities[3], sizeof visit.address.identities[3], "%s",
           site_path(&site, "board.sh"));
  visit.address.n_identities = 4;
  expect_closed(&visit, P2P_ERR_AUTH);
  CHECK(strstr(visit.err.message, "stranger (not accepted)") != NULL);
  CHECK(strstr(visit.err.message, "locked (has a passphrase") != NULL);
  CHECK(strstr(visit.err.message, "missing (no such file)") != NULL);
  CHECK(strstr(visit.err.message, "board.sh (not a readable private key)") != NULL);
  CHECK(strstr(visit.err.message, "secret") == NULL);
}

TEST(the_second_key_gets_in_when_the_first_does_not) {
  struct visit visit;
  prepare(&visit, "stranger");
  snprintf(visit.address.identities[1], sizeof visit.address.identities[1], "%s",
           site_path(&site, "alice"));
  visit.address.n_identities = 2;
  start(&visit);
  CHECK(site_wait(&gate, &visit.ready, 1));
  stop(&visit);
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

TEST(the_agent_is_asked_unless_identities_only) {
  struct visit visit;
  pid_t agent = start_agent();
  const char *add[] = {"ssh-add", "-q", site_path(&site, "alice"), NULL};
  CHECK(site_run(add) == 0);
  prepare(&visit, "stranger");
  visit.address.identities_only = false;
  start(&visit);
  CHECK(site_wait(&gate, &visit.ready, 1));
  stop(&visit);
  prepare(&visit, "stranger");
  expect_closed(&visit, P2P_ERR_AUTH);
  CHECK(strstr(visit.err.message, "ssh-agent") == NULL);
  kill(agent, SIGTERM);
  waitpid(agent, NULL, 0);
  unsetenv("SSH_AUTH_SOCK");
}

TEST(an_unreachable_port_is_named) {
  struct visit visit;
  char place[32];
  prepare(&visit, "alice");
  visit.address.port = site_free_port();
  snprintf(place, sizeof place, "127.0.0.1:%u", visit.address.port);
  expect_closed(&visit, P2P_ERR_NETWORK);
  CHECK(strstr(visit.err.message, place) != NULL);
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
  struct visit visit;
  prepare(&visit, "alice");
  int fd = listen_on(&visit.address.port);
  visit.timeout_ms = 300;
  expect_closed(&visit, P2P_ERR_TIMEOUT);
  CHECK(strstr(visit.err.message, "handshake") != NULL);
  close(fd);
}

TEST(a_server_of_another_protocol_is_a_network_error) {
  struct visit visit;
  prepare(&visit, "alice");
  int fd = listen_on(&visit.address.port);
  start(&visit);
  int peer = accept(fd, NULL, NULL);
  const char *answer = "HTTP/1.1 400 Bad Request\r\n\r\n";
  CHECK(write(peer, answer, strlen(answer)) > 0);
  close(peer);
  CHECK(site_wait(&gate, &visit.closed, 1));
  CHECK(visit.err.code == P2P_ERR_NETWORK);
  stop(&visit);
  close(fd);
}

TEST(freeing_while_connecting_is_silent) {
  struct visit visit;
  prepare(&visit, "alice");
  start(&visit);
  stop(&visit);
  CHECK(visit.closed == 0);
  p2p_loop_stop(loop);
  site_close(&site);
}

UNIT_MAIN("ssh_session", UNIT(a_known_key_runs_a_command),
          UNIT(two_commands_run_at_once_and_tell_their_exit_status),
          UNIT(what_exceeds_the_window_and_the_queue_is_refused_and_the_rest_arrives),
          UNIT(a_flood_on_both_streams_is_read_to_its_end),
          UNIT(the_connection_can_be_freed_from_its_events),
          UNIT(a_connection_that_breaks_is_told_once_and_no_command_ends),
          UNIT(who_has_nothing_to_say_but_answers_is_there),
          UNIT(a_connection_that_has_fallen_silent_is_given_up),
          UNIT(an_unknown_host_key_is_an_error_that_says_how_to_accept_it),
          UNIT(a_changed_host_key_is_refused),
          UNIT(a_key_that_is_not_accepted_gets_a_list_of_what_was_tried),
          UNIT(the_second_key_gets_in_when_the_first_does_not),
          UNIT(the_agent_is_asked_unless_identities_only), UNIT(an_unreachable_port_is_named),
          UNIT(a_silent_server_is_a_timeout), UNIT(a_server_of_another_protocol_is_a_network_error),
          UNIT(freeing_while_connecting_is_silent))
