/* SSH as people have it configured: keys, agent, known_hosts, ssh_config and jump hosts, by both
 * transports (libssh in this process, and the program `ssh`), to OpenSSH's sshd with a script in
 * the board's place and to our own server. */
#include "board/ssh.h"

#include "board/ssh_program.h"
#include "server/server.h"
#include "sshd_fixture.h"

static struct site site, gateway;
static struct site_gate gate = SITE_GATE;
static struct p2p_loop *loop;
static struct p2p_server *server;
static struct p2p_log_queue *log_queue;
static uint16_t ports[2];            /* sshd, our own */
static const char *command = "user"; /* what every login runs */
static uint32_t silent_ms = 20000;

/* ---- one command on a board: `user` ---- */

struct login {
  struct p2p_address address;
  struct p2p_ssh *ssh;
  struct p2p_ssh_command *command;
  bool uses_program;
  struct p2p_err err;
  char text[64];
  int code, over;
};

static void on_start(void *arg) { (void)arg; }
static void on_output(void *arg, const char *bytes, size_t length) {
  struct login *login = arg;
  size_t used = strlen(login->text), room = sizeof login->text - 1 - used;
  strncat(login->text, bytes, length < room ? length : room);
}
static void on_end(void *arg, int exit_status) {
  struct login *login = arg;
  CHECK(exit_status == 0);
  site_count(&gate, &login->over);
}

static void on_ready(void *arg) {
  static const struct p2p_ssh_command_callbacks callbacks = {on_start, on_output, on_end};
  struct login *login = arg;
  login->uses_program = p2p_ssh_uses_program(login->ssh);
  p2p_ssh_set_silence(login->ssh, silent_ms);
  CHECK(p2p_ssh_run(login->ssh, command, &callbacks, login, &login->command, NULL) == P2P_OK);
}

static void on_close(void *arg, const struct p2p_err *err) {
  struct login *login = arg;
  login->err = *err;
  login->code = err->code;
  site_count(&gate, &login->over);
}

static void connect_on_loop(void *arg) {
  static const struct p2p_ssh_callbacks callbacks = {on_ready, on_close};
  struct login *login = arg;
  const struct p2p_ssh_request request = {loop, &login->address, 10000};
  login->code = p2p_ssh_connect(&request, &callbacks, login, &login->ssh, &login->err);
}

static void free_on_loop(void *arg) { p2p_ssh_free(((struct login *)arg)->ssh); }

#define ARGS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void log_in(struct login *login, const char *host, const char *const *args) {
  size_t n = 0;
  while (args[n] != NULL) n++;
  memset(login, 0, sizeof *login);
  login->code = p2p_address_parse(host, args, n, &login->address, &login->err);
  if (login->code != P2P_OK) return;
  CHECK(p2p_loop_call(loop, connect_on_loop, login) == P2P_OK);
  if (login->code != P2P_OK) return;
  CHECK(site_wait(&gate, &login->over, 1));
  CHECK(p2p_loop_call(loop, free_on_loop, login) == P2P_OK);
}

static void expect_alice(const char *host, const char *const *args, bool is_in_process) {
  struct login login;
  log_in(&login, host, args);
  login.text[strcspn(login.text, "\r\n")] = '\0';
  CHECK(login.code == P2P_OK && login.uses_program != is_in_process);
  CHECK_STR(login.text, "alice");
  if (login.code != P2P_OK) fprintf(stderr, "(%s, %s ...: %s)\n", host, args[0], login.err.message);
}

static void expect_error(const char *host, const char *const *args, int code, const char *words) {
  struct login login;
  log_in(&login, host, args);
  bool matches = login.code == code && strstr(login.err.message, words) != NULL;
  CHECK(matches);
  if (!matches)
    fprintf(stderr, "(%s, %s ...: %d %s)\n", host, args[0], login.code, login.err.message);
}

/* ---- the boards ---- */

static const char *place(int i) {
  static char places[2][32];
  snprintf(places[i], sizeof places[i], "127.0.0.1:%u", ports[i]);
  return places[i];
}

static const char *in(const char *option, const char *name) {
  static char texts[8][220];
  static unsigned next;
  char *text = texts[next++ % 8];
  snprintf(text, sizeof texts[0], "%s%s", option, site_path(&site, name));
  return text;
}

/* Writes the known_hosts entries of both boards (`sshd_key` is the key of sshd) and of the gateway.
 */
static void trust(const char *file, const char *sshd_key, bool with_gateway) {
  char key[1024], jump[1024];
  site_public_key(&site, sshd_key, key, sizeof key);
  site_public_key(&gateway, "host", jump, sizeof jump);
  site_write(&site, file, "[127.0.0.1]:%u %s\n[127.0.0.1]:%u %s\n[127.0.0.1]:%u %s\n", ports[0],
             key, ports[1], p2p_server_host_key(server), with_gateway ? gateway.port : 1, jump);
}

TEST(two_boards_and_a_gateway_open) {
  char alice[1024], locked[1024], users[2200];
  site_open(&site);
  site_open(&gateway);
  site_key(&site, "host", "");
  site_key(&gateway, "host", "");
  site_key(&site, "alice", "");
  site_key(&site, "stranger", "");
  site_key(&site, "locked", "secret");
  site_key(&site, "ca", "");
  const char *certify[] = {"ssh-keygen", "-q",   "-h", "-s",        site_path(&site, "ca"),
                           "-I",         "host", "-n", "127.0.0.1", site_path(&site, "host.pub"),
                           NULL};
  CHECK(site_run(certify) == 0);
  site_public_key(&site, "alice", alice, sizeof alice);
  site_public_key(&site, "locked", locked, sizeof locked);
  site_write(&site, "board.sh",
             "case \"$SSH_ORIGINAL_COMMAND\" in\nuser) printf 'alice\\nid\\n2026\\n';;\n"
             "freeze) echo $PPID > %s; kill -STOP $PPID;;\nesac\n",
             site_path(&site, "frozen"));
  site_write(&site, "authorized_keys",
             "restrict,command=\"/bin/sh %s\" %s\nrestrict,command=\"/bin/sh %s\" %s\n",
             site_path(&site, "board.sh"), alice, site_path(&site, "board.sh"), locked);
  site_write(&gateway, "authorized_keys", "%s\n", alice);
  site_start_sshd(&site, "host");
  site_start_sshd(&gateway, "host");
  CHECK(p2p_loop_start(&loop, NULL) == P2P_OK);
  log_queue = p2p_log_queue_new(100);
  snprintf(users, sizeof users, "alice %s\nalice %s\n", alice, locked);
  struct p2p_server_config config = {.loop = loop,
                                     .address = "127.0.0.1",
                                     .host_key = site_path(&site, "server_key"),
                                     .users = users};
  CHECK(p2p_server_new(&config, log_queue, &server, NULL) == P2P_OK);
  ports[0] = site.port;
  ports[1] = p2p_server_board_port(server);
  trust("known_hosts", "host", false);
}

/* ---- the tests: each for both boards, by both transports ---- */

#define KNOWN in("UserKnownHostsFile=", "known_hosts")
#define KEY(name) \
  "-F", "none", "-i", site_path(&site, name), "-o", "IdentitiesOnly=yes", "-o", KNOWN

TEST(a_known_key_logs_in) {
  for (int i = 0; i < 2; i++) {
    expect_alice(place(i), ARGS(KEY("alice")), true);
    expect_alice(place(i), ARGS(KEY("alice"), "-4"), false);
  }
  expect_error(place(0), ARGS(KEY("stranger")), P2P_ERR_AUTH, "stranger (not accepted)");
  expect_error(place(0), ARGS(KEY("stranger"), "-4"), P2P_ERR_AUTH,
               "rejected all of your SSH keys");
}

TEST(host_keys_are_found_plain_or_hashed_and_refused_otherwise) {
  char text[8192], file[160];
  snprintf(file, sizeof file, "%s", site_path(&site, "known_hosts"));
  const char *hash[] = {"sh", "-c", "ssh-keygen -q -H -f \"$0\" 2> /dev/null", file, NULL};
  CHECK(site_run(hash) == 0);
  site_read(&site, "known_hosts", text, sizeof text);
  CHECK(strstr(text, "|1|") != NULL && strstr(text, "127.0.0.1") == NULL);
  for (int i = 0; i < 2; i++) {
    expect_alice(place(i), ARGS(KEY("alice")), true);
    expect_alice(place(i), ARGS(KEY("alice"), "-4"), false);
  }
  trust("known_hosts", "stranger", false);
  CHECK(site_run(hash) == 0);
  expect_error(place(0), ARGS(KEY("alice")), P2P_ERR_HOST_KEY, "is not the one in");
  expect_error(place(0), ARGS(KEY("alice"), "-4"), P2P_ERR_HOST_KEY, "is not the one in");
  site_write(&site, "known_hosts", "%s", "# nobody\n");
  for (int i = 0; i < 2; i++) {
    expect_error(place(i), ARGS(KEY("alice")), P2P_ERR_HOST_KEY, "its entry would be");
    expect_error(
        place(i), ARGS(KEY("alice"), "-4"), P2P_ERR_HOST_KEY,
        "'ssh' did not report the key: 'ssh' reports 'No ED25519 host key is known for [127.0");
  }
  trust("known_hosts", "host", false);
}

TEST(a_host_certificate_is_checked_by_the_program) {
  char ca[1024];
  site_public_key(&site, "ca", ca, sizeof ca);
  site_write(&site, "known_ca", "@cert-authority [127.0.0.*]:%u %s\n", ports[0], ca);
  const char *known = in("UserKnownHostsFile=", "known_ca");
  expect_alice(place(0), ARGS("-F", "none", "-i", site_path(&site, "alice"), "-o", known), false);
  site_public_key(&site, "stranger", ca, sizeof ca);
  site_write(&site, "known_ca", "@cert-authority * %s\n", ca);
  expect_error(place(0), ARGS("-F", "none", "-i", site_path(&site, "alice"), "-o", known),
               P2P_ERR_HOST_KEY, "is not in known_hosts");
}

/* Starts ssh-agent with these keys; returns its pid. A script gives the passphrase, as a desktop
 * would do. */
static pid_t start_agent(const char *const *names) {
  int words[2];
  CHECK(pipe(words) == 0);
  pid_t pid = fork();
  if (pid == 0) {
    dup2(words[1], 1);
    execlp("ssh-agent", "ssh-agent", "-D", "-a", site_path(&site, "agent"), (char *)NULL);
    _exit(127);
  }
  close(words[1]);
  CHECK(site_await_text(words[0], "SSH_AUTH_SOCK"));
  close(words[0]);
  site_write(&site, "askpass", "#!/bin/sh\necho secret\n");
  chmod(site_path(&site, "askpass"), 0700);
  setenv("SSH_ASKPASS", site_path(&site, "askpass"), 1);
  setenv("SSH_ASKPASS_REQUIRE", "force", 1);
  setenv("SSH_AUTH_SOCK", site_path(&site, "agent"), 1);
  for (; *names != NULL; names++) {
    const char *add[] = {"ssh-add", "-q", site_path(&site, *names), NULL};
    CHECK(site_run(add) == 0);
  }
  unsetenv("SSH_ASKPASS");
  unsetenv("SSH_ASKPASS_REQUIRE");
  return pid;
}

static void stop_agent(pid_t pid) {
  kill(pid, SIGTERM);
  waitpid(pid, NULL, 0);
  unsetenv("SSH_AUTH_SOCK");
}

TEST(a_key_that_cannot_be_offered_was_not_rejected) {
  struct login login;
  log_in(&login, place(0), ARGS(KEY("locked")));
  CHECK(strstr(login.err.message, "no SSH key could be offered to '127.0.0.1' (port ") != NULL);
  CHECK_STR(login.err.reason, "keys_rejected");
  log_in(&login, place(0), ARGS(KEY("missing")));
  CHECK(strstr(login.err.message, "could be offered to") != NULL);
  CHECK(strstr(login.err.message, "missing (no such file)") != NULL);
  CHECK_STR(login.err.reason, "no_ssh_key");
}

TEST(a_key_with_a_passphrase_is_used_through_the_agent) {
  for (int i = 0; i < 2; i++) {
    expect_error(place(i), ARGS(KEY("locked")), P2P_ERR_AUTH,
                 "locked (has a passphrase and is not in ssh-agent)");
    expect_error(place(i), ARGS(KEY("locked"), "-4"), P2P_ERR_AUTH,
                 "rejected all of your SSH keys");
  }
  /* The agent's first key is one that boards accept without an account: the key that was asked for
   * must be used. */
  pid_t agent = start_agent(ARGS("stranger", "locked"));
  for (int i = 0; i < 2; i++) {
    expect_alice(place(i), ARGS(KEY("locked")), false);
    expect_alice(place(i), ARGS(KEY("locked.pub")), false); /* as for keys in hardware */
  }
  expect_error(place(0), ARGS(KEY("locked"), "-o", "IdentityAgent=none"), P2P_ERR_AUTH,
               "rejected all of your SSH keys");
  stop_agent(agent);
}

TEST(without_a_key_the_agent_is_used) {
  pid_t agent = start_agent(ARGS("alice"));
  for (int i = 0; i < 2; i++) {
    expect_alice(place(i), ARGS("-F", "none", "-o", KNOWN), true);
    expect_alice(place(i), ARGS("-F", "none", "-o", KNOWN, "-4"), false);
  }
  stop_agent(agent);
}

TEST(ssh_config_names_host_port_user_key_and_known_hosts) {
  char name[8] = "lab0";
  site_write(&site, "config",
             "Host lab*\nHostName 127.0.0.1\nUser root\nIdentityFile %s\nIdentityFile "
             "%s\nIdentitiesOnly yes\nUserKnownHostsFile %s\n"
             "Host lab0\nPort %u\nHost lab1\nPort %u\n",
             site_path(&site, "missing"), site_path(&site, "alice"),
             site_path(&site, "known_hosts"), ports[0], ports[1]);
  for (int i = 0; i < 2; i++) {
    name[3] = (char)('0' + i);
    expect_alice(name, ARGS("-F", site_path(&site, "config")), true);
    expect_alice(name, ARGS("-F", site_path(&site, "config"), "-4"), false);
  }
  expect_error("lab0", ARGS("-F", site_path(&site, "no_config")), P2P_ERR_INVALID, "no_config");
  pid_t agent = start_agent(ARGS("alice"));
  site_write(&site, "config",
             "Host *\nIdentityFile %s\nIdentitiesOnly yes\nUserKnownHostsFile %s\n",
             site_path(&site, "stranger"), site_path(&site, "known_hosts"));
  expect_error(place(0), ARGS("-F", site_path(&site, "config")), P2P_ERR_AUTH, "tried: ");
  site_write(&site, "config", "Host *\nIdentityFile %s\nUserKnownHostsFile %s\n",
             site_path(&site, "stranger"), site_path(&site, "known_hosts"));
  expect_alice(place(0), ARGS("-F", site_path(&site, "config")), true);
  stop_agent(agent);
}

/* A file that only OpenSSH understands is left to it, and leads to the same key, host and route. */
TEST(include_and_match_in_ssh_config_need_the_program) {
  char name[8] = "lab0", more[160], config[160];
  snprintf(more, sizeof more, "%s", site_path(&site, "more"));
  snprintf(config, sizeof config, "%s", site_path(&site, "config"));
  site_write(
      &site, "more",
      "Host lab0\nPort %u\nHost lab1\nPort %u\nHost *\nHostName 127.0.0.1\nUserKnownHostsFile %s\n",
      ports[0], ports[1], site_path(&site, "known_hosts"));
  site_write(&site, "config",
             "Match host elsewhere\nIdentityFile %s\nMatch host lab*\nIdentityFile "
             "%s\nIdentitiesOnly yes\nMatch all\nInclude %s\n",
             site_path(&site, "stranger"), site_path(&site, "alice"), more);
  for (int i = 0; i < 2; i++) {
    name[3] = (char)('0' + i);
    expect_alice(name, ARGS("-F", config), false);
  }
}

/* `line` is the route to lab0 and lab1, after Host. */
static void configure_route(const char *line) {
  site_write(&site, "config",
             "Host lab0\nPort %u\n%s\nHost lab1\nPort %u\n%s\nHost gate\nPort %u\nHost *\nHostName "
             "127.0.0.1\nIdentityFile %s\n"
             "IdentitiesOnly yes\nUserKnownHostsFile %s\n",
             ports[0], line, ports[1], line, gateway.port, site_path(&site, "alice"),
             site_path(&site, "known_hosts"));
}

TEST(jump_hosts_of_ssh_config_and_ssh_args_are_used) {
  char command[300], config[160];
  snprintf(config, sizeof config, "%s", site_path(&site, "config"));
  snprintf(command, sizeof command, "ProxyCommand ssh -F %s -W %%h:%%p gate", config);
  trust("known_hosts", "host", true);
  const char *const lines[] = {"ProxyJump gate", command};
  for (int i = 0; i < 2; i++) {
    configure_route(lines[i]);
    expect_alice("lab0", ARGS("-F", config), false);
    expect_alice("lab1", ARGS("-F", config), false);
  }
  configure_route("ProxyCommand none");
  expect_alice("lab0", ARGS("-F", config), true);
  expect_alice("lab0", ARGS("-F", config, "-J", "gate"), false);
  expect_alice("lab1", ARGS("-F", config, "-oProxyJump=gate"), false);
  trust("known_hosts", "host", false);
  expect_error("lab0", ARGS("-F", config, "-Jgate"), P2P_ERR_HOST_KEY,
               "or of a jump host, is not in known_hosts");
  site_stop_sshd(&gateway);
  expect_error("lab0", ARGS("-F", config, "-Jgate"), P2P_ERR_NETWORK,
               "'ssh' reports 'ssh: connect to host 127.0.0.1");
  expect_error(place(0), ARGS(KEY("alice"), "-J", "no-such-host.invalid"), P2P_ERR_NETWORK,
               "Could not resolve hostname no-such-host.invalid");
}

/* sshd's end of the connection is frozen: the kernel still acknowledges what we send. */
TEST(a_board_that_stops_responding_is_given_up) {
  struct login login;
  char frozen[16];
  command = "freeze";
  silent_ms = 1000;
  for (int i = 0; i < 2; i++) {
    log_in(&login, place(0), i == 0 ? ARGS(KEY("alice")) : ARGS(KEY("alice"), "-4"));
    CHECK(login.code == (i == 0 ? P2P_ERR_TIMEOUT : P2P_ERR_NETWORK));
    CHECK(strstr(login.err.message, "stopped responding") != NULL);
    site_read(&site, "frozen", frozen, sizeof frozen);
    CHECK(atoi(frozen) > 1 && kill(atoi(frozen), SIGKILL) == 0);
  }
}

TEST(the_output_of_ssh_becomes_an_error_with_a_reason) {
  struct p2p_err err;
  CHECK(p2p_ssh_program_explain("Host key verification failed.\r\n", "b", &err) ==
        P2P_ERR_HOST_KEY);
  CHECK_STR(err.reason, "unknown_host_key_unseen");
  CHECK(p2p_ssh_program_explain(
            "@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\nHost key verification failed.\n",
            "b", &err) == P2P_ERR_HOST_KEY);
  CHECK_STR(err.reason, "changed_host_key");
  CHECK(p2p_ssh_program_explain("x@b: Permission denied (publickey).\r\n", "b", &err) ==
        P2P_ERR_AUTH);
  CHECK_STR(err.reason, "keys_rejected");
  CHECK(p2p_ssh_program_explain("x\nconnect: no route\x1b[2J\r\n", "b", &err) == P2P_ERR_NETWORK);
  CHECK(strstr(err.message, "reports 'connect: no route?[2J'") != NULL);
  CHECK(p2p_ssh_program_explain("", "b", &err) == P2P_ERR_NETWORK);
  CHECK(p2p_ssh_program_explain("WARNING: REVOKED HOST KEY DETECTED!\r\nHost key verification "
                                "failed.\r\n",
                                "b", &err) == P2P_ERR_HOST_KEY);
  CHECK_STR(err.reason, "revoked_host_key");
}

/* What `ssh` writes when a jump host fails, with the lines that follow from it. */
TEST(the_cause_is_chosen_among_the_lines_of_ssh) {
  static const char end[] = "kex_exchange_identification: Connection closed by remote host\r\n"
                            "Connection closed by UNKNOWN port 65535\r\n";
  static const char *const causes[] = {
      "ssh: Could not resolve hostname gate: Name or service not known",
      "ssh: connect to host gate port 22: Connection refused",
      "ssh: connect to host gate port 22: Permission denied", "No user exists for uid 12345",
      "sh: 1: nc: not found"};
  char output[600];
  struct p2p_err err;
  for (size_t i = 0; i < sizeof causes / sizeof causes[0]; i++) {
    snprintf(output, sizeof output, "*** Authorized use only ***\r\n\r\n%s\r\n%s", causes[i], end);
    CHECK(p2p_ssh_program_explain(output, "b", &err) == P2P_ERR_NETWORK);
    CHECK(strstr(err.message, causes[i]) != NULL && strstr(err.message, "kex") == NULL);
    CHECK_STR(err.reason, i == 3 ? "no_user_entry" : "ssh_failed");
  }
  snprintf(output, sizeof output,
           "channel 0: open failed: connect failed: no route\r\nstdio forwarding failed\r\n%s",
           end);
  CHECK(p2p_ssh_program_explain(output, "b", &err) == P2P_ERR_NETWORK);
  CHECK(strstr(err.message, "reports 'channel 0: open failed: connect failed: no route'") != NULL);
  CHECK(p2p_ssh_program_explain(end, "b", &err) == P2P_ERR_NETWORK);
  CHECK(strstr(err.message, "reports 'kex_exchange_identification: Connection closed by") != NULL);
  snprintf(output, sizeof output, "x@gate: Permission denied (publickey).\r\n%s", end);
  CHECK(p2p_ssh_program_explain(output, "b", &err) == P2P_ERR_AUTH);
  CHECK(strstr(err.message, "reports 'x@gate: Permission denied (publickey)'") != NULL);
}

TEST(the_boards_and_the_gateway_close) {
  p2p_server_free(server);
  p2p_loop_stop(loop);
  p2p_log_queue_unref(log_queue);
  site_close(&gateway);
  site_close(&site);
}

UNIT_MAIN("ssh_transports", UNIT(two_boards_and_a_gateway_open), UNIT(a_known_key_logs_in),
          UNIT(host_keys_are_found_plain_or_hashed_and_refused_otherwise),
          UNIT(a_host_certificate_is_checked_by_the_program),
          UNIT(a_key_that_cannot_be_offered_was_not_rejected),
          UNIT(a_key_with_a_passphrase_is_used_through_the_agent),
          UNIT(without_a_key_the_agent_is_used),
          UNIT(ssh_config_names_host_port_user_key_and_known_hosts),
          UNIT(include_and_match_in_ssh_config_need_the_program),
          UNIT(jump_hosts_of_ssh_config_and_ssh_args_are_used),
          UNIT(a_board_that_stops_responding_is_given_up),
          UNIT(the_output_of_ssh_becomes_an_error_with_a_reason),
          UNIT(the_cause_is_chosen_among_the_lines_of_ssh), UNIT(the_boards_and_the_gateway_close))
