/* SSH as people have it: keys, agent, known_hosts, ssh_config and jump hosts, by both ways of a
 * connection (libssh in this process, and the program `ssh`), to OpenSSH's sshd with a script in
 * the board's place and to our own server. */
#include "board/ssh.h"

#include "board/ssh_program.h"
#include "server/server.h"
#include "sshd_fixture.h"

static struct site site, gateway;
static struct site_gate gate = SITE_GATE;
static struct p2p_loop *loop;
static struct p2p_server *server;
static struct p2p_log_queue *said;
static uint16_t ports[2];            /* sshd, our own */
static const char *command = "user"; /* what every visit runs */
static uint32_t silent_ms = 20000;

/* ---- one question to a board: `user` ---- */

struct session {
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
  struct session *session = arg;
  size_t used = strlen(session->text), room = sizeof session->text - 1 - used;
  strncat(session->text, bytes, length < room ? length : room);
}
static void on_end(void *arg, int exit_status) {
  struct session *session = arg;
  CHECK(exit_status == 0);
  site_count(&gate, &session->over);
}

static void on_ready(void *arg) {
  static const struct p2p_ssh_command_callbacks callbacks = {on_start, on_output, on_end};
  struct session *session = arg;
  session->uses_program = p2p_ssh_uses_program(session->ssh);
  p2p_ssh_set_silence(session->ssh, silent_ms);
  CHECK(p2p_ssh_run(session->ssh, command, &callbacks, session, &session->command, NULL) == P2P_OK);
}

static void on_close(void *arg, const struct p2p_err *err) {
  struct session *session = arg;
  session->err = *err;
  session->code = err->code;
  site_count(&gate, &session->over);
}

static void come(void *arg) {
  static const struct p2p_ssh_callbacks callbacks = {on_ready, on_close};
  struct session *session = arg;
  const struct p2p_ssh_request request = {loop, &session->address, 10000};
  session->code = p2p_ssh_connect(&request, &callbacks, session, &session->ssh, &session->err);
}

static void leave(void *arg) { p2p_ssh_free(((struct session *)arg)->ssh); }

#define ARGS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void ask(struct session *session, const char *host, const char *const *args) {
  size_t n = 0;
  while (args[n] != NULL) n++;
  memset(session, 0, sizeof *session);
  session->code = p2p_address_parse(host, args, n, &session->address, &session->err);
  if (session->code != P2P_OK) return;
  CHECK(p2p_loop_call(loop, come, session) == P2P_OK);
  if (session->code != P2P_OK) return;
  CHECK(site_wait(&gate, &session->over, 1));
  CHECK(p2p_loop_call(loop, leave, session) == P2P_OK);
}

static void is_alice(const char *host, const char *const *args, bool is_in_process) {
  struct session session;
  ask(&session, host, args);
  session.text[strcspn(session.text, "\r\n")] = '\0';
  CHECK(session.code == P2P_OK && session.uses_program != is_in_process);
  CHECK_STR(session.text, "alice");
  if (session.code != P2P_OK)
    fprintf(stderr, "(%s, %s ...: %s)\n", host, args[0], session.err.message);
}

static void is_told(const char *host, const char *const *args, int code, const char *words) {
  struct session session;
  ask(&session, host, args);
  bool is_so = session.code == code && strstr(session.err.message, words) != NULL;
  CHECK(is_so);
  if (!is_so)
    fprintf(stderr, "(%s, %s ...: %d %s)\n", host, args[0], session.code, session.err.message);
}

/* ---- the place ---- */

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

/* known_hosts of both boards, sshd having the key `sshd_key`, and of the gateway or not. */
static void know(const char *file, const char *sshd_key, bool with_gateway) {
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
  said = p2p_log_queue_new(100);
  snprintf(users, sizeof users, "alice %s\nalice %s\n", alice, locked);
  struct p2p_server_config config = {.loop = loop,
                                     .address = "127.0.0.1",
                                     .host_key = site_path(&site, "server_key"),
                                     .users = users};
  CHECK(p2p_server_new(&config, said, &server, NULL) == P2P_OK);
  ports[0] = site.port;
  ports[1] = p2p_server_board_port(server);
  know("known_hosts", "host", false);
}

/* ---- the tests: each for both boards, by both ways ---- */

#define KNOWN in("UserKnownHostsFile=", "known_hosts")
#define KEY(name) \
  "-F", "none", "-i", site_path(&site, name), "-o", "IdentitiesOnly=yes", "-o", KNOWN

TEST(a_key_gets_in) {
  for (int i = 0; i < 2; i++) {
    is_alice(place(i), ARGS(KEY("alice")), true);
    is_alice(place(i), ARGS(KEY("alice"), "-4"), false);
  }
  is_told(place(0), ARGS(KEY("stranger")), P2P_ERR_AUTH, "stranger (not accepted)");
  is_told(place(0), ARGS(KEY("stranger"), "-4"), P2P_ERR_AUTH, "rejected all of your SSH keys");
}

TEST(host_keys_are_known_in_clear_or_hashed_and_else_refused) {
  char text[8192], file[160];
  snprintf(file, sizeof file, "%s", site_path(&site, "known_hosts"));
  const char *hash[] = {"sh", "-c", "ssh-keygen -q -H -f \"$0\" 2> /dev/null", file, NULL};
  CHECK(site_run(hash) == 0);
  site_read(&site, "known_hosts", text, sizeof text);
  CHECK(strstr(text, "|1|") != NULL && strstr(text, "127.0.0.1") == NULL);
  for (int i = 0; i < 2; i++) {
    is_alice(place(i), ARGS(KEY("alice")), true);
    is_alice(place(i), ARGS(KEY("alice"), "-4"), false);
  }
  know("known_hosts", "stranger", false);
  CHECK(site_run(hash) == 0);
  is_told(place(0), ARGS(KEY("alice")), P2P_ERR_HOST_KEY, "is not the one in");
  is_told(place(0), ARGS(KEY("alice"), "-4"), P2P_ERR_HOST_KEY, "is not the one in");
  site_write(&site, "known_hosts", "%s", "# nobody\n");
  for (int i = 0; i < 2; i++) {
    is_told(place(i), ARGS(KEY("alice")), P2P_ERR_HOST_KEY, "its entry would be");
    is_told(place(i), ARGS(KEY("alice"), "-4"), P2P_ERR_HOST_KEY, "'ssh' did not report the key");
  }
  know("known_hosts", "host", false);
}

/* ssh-agent of the site, with the keys of these files; its pid. The passphrase comes from a script,
 * as a desktop would do it. */
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

TEST(a_key_with_a_passphrase_goes_by_the_agent) {
  for (int i = 0; i < 2; i++) {
    is_told(place(i), ARGS(KEY("locked")), P2P_ERR_AUTH,
            "locked (has a passphrase and is not in ssh-agent)");
    is_told(place(i), ARGS(KEY("locked"), "-4"), P2P_ERR_AUTH, "rejected all of your SSH keys");
  }
  /* The agent's first key is one that boards let in as nobody: the key that was asked for must be
   * the one. */
  pid_t agent = start_agent(ARGS("stranger", "locked"));
  for (int i = 0; i < 2; i++) {
    is_alice(place(i), ARGS(KEY("locked")), false);
    is_alice(place(i), ARGS(KEY("locked.pub")), false); /* as with keys that are in hardware */
  }
  is_told(place(0), ARGS(KEY("locked"), "-o", "IdentityAgent=none"), P2P_ERR_AUTH,
          "rejected all of your SSH keys");
  stop_agent(agent);
}

TEST(without_a_key_the_agent_is_asked) {
  pid_t agent = start_agent(ARGS("alice"));
  for (int i = 0; i < 2; i++) {
    is_alice(place(i), ARGS("-F", "none", "-o", KNOWN), true);
    is_alice(place(i), ARGS("-F", "none", "-o", KNOWN, "-4"), false);
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
    is_alice(name, ARGS("-F", site_path(&site, "config")), true);
    is_alice(name, ARGS("-F", site_path(&site, "config"), "-4"), false);
  }
  is_told("lab0", ARGS("-F", site_path(&site, "no_config")), P2P_ERR_INVALID, "no_config");
  pid_t agent = start_agent(ARGS("alice"));
  site_write(&site, "config",
             "Host *\nIdentityFile %s\nIdentitiesOnly yes\nUserKnownHostsFile %s\n",
             site_path(&site, "stranger"), site_path(&site, "known_hosts"));
  is_told(place(0), ARGS("-F", site_path(&site, "config")), P2P_ERR_AUTH, "tried: ");
  site_write(&site, "config", "Host *\nIdentityFile %s\nUserKnownHostsFile %s\n",
             site_path(&site, "stranger"), site_path(&site, "known_hosts"));
  is_alice(place(0), ARGS("-F", site_path(&site, "config")), true);
  stop_agent(agent);
}

/* What is not read as OpenSSH reads it goes to OpenSSH whole, and gives nobody another key, host or
 * way. */
TEST(what_ssh_config_says_in_its_own_ways_is_left_to_ssh) {
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
    is_alice(name, ARGS("-F", config), false);
  }
}

/* `line`: how to get to lab0 and lab1, after Host. */
static void configure_way(const char *line) {
  site_write(&site, "config",
             "Host lab0\nPort %u\n%s\nHost lab1\nPort %u\n%s\nHost gate\nPort %u\nHost *\nHostName "
             "127.0.0.1\nIdentityFile %s\n"
             "IdentitiesOnly yes\nUserKnownHostsFile %s\n",
             ports[0], line, ports[1], line, gateway.port, site_path(&site, "alice"),
             site_path(&site, "known_hosts"));
}

TEST(ssh_config_and_arguments_lead_over_other_hosts) {
  char command[300], config[160];
  snprintf(config, sizeof config, "%s", site_path(&site, "config"));
  snprintf(command, sizeof command, "ProxyCommand ssh -F %s -W %%h:%%p gate", config);
  know("known_hosts", "host", true);
  const char *const lines[] = {"ProxyJump gate", command};
  for (int way = 0; way < 2; way++) {
    configure_way(lines[way]);
    is_alice("lab0", ARGS("-F", config), false);
    is_alice("lab1", ARGS("-F", config), false);
  }
  configure_way("ProxyCommand none");
  is_alice("lab0", ARGS("-F", config), true);
  is_alice("lab0", ARGS("-F", config, "-J", "gate"), false);
  is_alice("lab1", ARGS("-F", config, "-oProxyJump=gate"), false);
  know("known_hosts", "host", false);
  is_told("lab0", ARGS("-F", config, "-Jgate"), P2P_ERR_HOST_KEY,
          "or of a jump host, is not in known_hosts");
  site_stop_sshd(&gateway);
  is_told("lab0", ARGS("-F", config, "-Jgate"), P2P_ERR_NETWORK, "'ssh' reports");
}

/* sshd's end of the connection is frozen: the kernel still acknowledges what we send. */
TEST(a_board_that_falls_silent_is_given_up) {
  struct session session;
  char frozen[16];
  command = "freeze";
  silent_ms = 1000;
  for (int way = 0; way < 2; way++) {
    ask(&session, place(0), way == 0 ? ARGS(KEY("alice")) : ARGS(KEY("alice"), "-4"));
    CHECK(session.code == (way == 0 ? P2P_ERR_TIMEOUT : P2P_ERR_NETWORK));
    CHECK(strstr(session.err.message, "stopped responding") != NULL);
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
}

TEST(the_boards_and_the_gateway_close) {
  p2p_server_free(server);
  p2p_loop_stop(loop);
  p2p_log_queue_unref(said);
  site_close(&gateway);
  site_close(&site);
}

UNIT_MAIN("ssh_transports", UNIT(two_boards_and_a_gateway_open), UNIT(a_key_gets_in),
          UNIT(host_keys_are_known_in_clear_or_hashed_and_else_refused),
          UNIT(a_key_with_a_passphrase_goes_by_the_agent), UNIT(without_a_key_the_agent_is_asked),
          UNIT(ssh_config_names_host_port_user_key_and_known_hosts),
          UNIT(what_ssh_config_says_in_its_own_ways_is_left_to_ssh),
          UNIT(ssh_config_and_arguments_lead_over_other_hosts),
          UNIT(a_board_that_falls_silent_is_given_up),
          UNIT(the_output_of_ssh_becomes_an_error_with_a_reason),
          UNIT(the_boards_and_the_gateway_close))
