/* The SSH connection by libssh: login, host keys, errors and commands. */
#define _GNU_SOURCE /* RTLD_NEXT */
#include "board/ssh.h"

#include <dlfcn.h>
#include <pwd.h>

#include "board/ssh_host_key.h"
#include "ssh_attempt.h"

/* In place of the C library's, also for libssh: without has_account, as in a container that runs
 * under a user id of its own. */
static bool has_account = true;

int getpwuid_r(uid_t uid, struct passwd *entry, char *strings, size_t size, struct passwd **out) {
  static int (*real)(uid_t, struct passwd *, char *, size_t, struct passwd **);
  if (!has_account) {
    *out = NULL;
    return 0;
  }
  if (real == NULL) *(void **)&real = dlsym(RTLD_NEXT, "getpwuid_r");
  return real(uid, entry, strings, size, out);
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

static void free_in_each_callback(void (*prepare_attempt)(struct attempt *, const char *key),
                                  bool keeps_connection) {
  for (enum event event = EVENT_READY; event <= EVENT_CLOSE; event++) {
    struct attempt attempt;
    prepare_attempt(&attempt, "alice");
    attempt.run[0] = event == EVENT_OUTPUT ? "flood" : event == EVENT_CLOSE ? "cat" : "user";
    attempt.run[1] = event == EVENT_CLOSE ? "die" : "flood";
    attempt.free_in = event;
    attempt.keeps_connection = keeps_connection;
    start(&attempt);
    CHECK(site_wait(&gate, &attempt.enough, 1));
    CHECK(attempt.enough == 1);
    stop(&attempt);
  }
}

TEST(the_connection_can_be_freed_in_each_callback) {
  free_in_each_callback(prepare, false);
  free_in_each_callback(prepare_program, false);
}

TEST(the_commands_can_be_freed_in_each_callback) {
  free_in_each_callback(prepare, true);
  free_in_each_callback(prepare_program, true);
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

static void public_keys(char host[static 1024], char other[static 1024]) {
  site_public_key(&site, "host", host, 1024);
  site_public_key(&site, "other_host", other, 1024);
}

TEST(a_revoked_host_key_is_refused) {
  struct attempt attempt;
  char host[1024], other[1024];
  public_keys(host, other);
  for (int by_program = 0; by_program < 2; by_program++) {
    site_write(&site, "known_hosts", "[127.0.0.1]:%u %s\n@revoked * %s\n", site.port, host, host);
    (by_program ? prepare_program : prepare)(&attempt, "alice");
    if (by_program) {
      attempt.run[0] = "user";
      start(&attempt);
      CHECK(site_wait(&gate, &attempt.closed, 1));
      CHECK(attempt.err.code == P2P_ERR_HOST_KEY);
      CHECK(strstr(attempt.err.message, " is marked as revoked") != NULL);
      stop(&attempt);
    } else {
      expect_closed(&attempt, P2P_ERR_HOST_KEY);
      CHECK(strstr(attempt.err.message, "is revoked by line 2 of '") != NULL);
    }
    CHECK_STR(attempt.err.reason, "revoked_host_key");
  }
  trust_host("host");
}

static void expect_ready(struct attempt *attempt) {
  start(attempt);
  CHECK(site_wait(&gate, &attempt->ready, 1));
  if (attempt->closed > 0) fprintf(stderr, "%s\n", attempt->err.message);
  stop(attempt);
}

TEST(what_openssh_reads_in_known_hosts_is_read) {
  struct attempt attempt;
  char host[1024], other[1024], *names = malloc(20001);
  public_keys(host, other);
  memset(names, 'x', 20000);
  names[20000] = '\0';
  for (int i = 0; i < 3; i++) {
    if (i == 0) site_write(&site, "known_hosts", "# c\r\n[127.0.0.1]:%u %s\r\n", site.port, host);
    if (i == 1) site_write(&site, "known_hosts", "%s,[127.0.0.1]:%u %s", names, site.port, host);
    if (i == 2) site_write(&site, "known_hosts", "x %s\n127.0.0.? %s\n", other, host);
    prepare(&attempt, "alice");
    expect_ready(&attempt);
  }
  free(names);
  trust_host("host");
}

TEST(the_line_of_known_hosts_that_is_wrong_is_named) {
  struct attempt attempt;
  char host[1024], other[1024];
  public_keys(host, other);
  site_write(&site, "known_hosts", "x %s\n[127.0.0.1]:%u %.40s", other, site.port, host);
  prepare(&attempt, "alice");
  expect_closed(&attempt, P2P_ERR_HOST_KEY);
  CHECK_STR(attempt.err.reason, "unknown_host_key");
  CHECK(strstr(attempt.err.message, "(line 2 of '") != NULL);
  CHECK(strstr(attempt.err.message, "has no valid key)") != NULL);
  trust_host("host");
}

TEST(several_known_hosts_files_count) {
  struct attempt attempt;
  prepare(&attempt, "alice");
  snprintf(attempt.address.known_hosts, sizeof attempt.address.known_hosts, "/no/such/file \"%s\"",
           site_path(&site, "known_hosts"));
  expect_ready(&attempt);
  prepare(&attempt, "alice");
  site_write(&site, "config", "UserKnownHostsFile none\nGlobalKnownHostsFile /no/file %s\n",
             site_path(&site, "known_hosts"));
  attempt.address.known_hosts[0] = '\0';
  snprintf(attempt.address.config, sizeof attempt.address.config, "%s", site_path(&site, "config"));
  expect_ready(&attempt);
}

TEST(a_host_with_several_keys_shows_the_one_that_is_known) {
  struct attempt attempt;
  trust_host("host_rsa");
  prepare(&attempt, "alice");
  expect_ready(&attempt);
  trust_host("host");
}

/* The home directory is that of the account; HOME without one. */
TEST(files_of_the_home_directory_are_used_unless_others_can_get_at_them) {
  struct attempt attempt;
  char *home = getenv("HOME") == NULL ? NULL : strdup(getenv("HOME"));
  CHECK(mkdir(site_path(&site, ".ssh"), 0700) == 0);
  CHECK(rename(site_path(&site, "known_hosts"), site_path(&site, ".ssh/known_hosts")) == 0);
  const char *copy[] = {"cp", site_path(&site, "alice"), site_path(&site, ".ssh/id_ed25519"), NULL};
  CHECK(site_run(copy) == 0);
  has_account = false;
  setenv("HOME", site.dir, 1);
  for (int i = 0; i < 3; i++) {
    prepare(&attempt, "missing");
    snprintf(attempt.address.login, sizeof attempt.address.login, "root");
    attempt.address.n_identities = 0;
    attempt.address.known_hosts[0] = '\0';
    if (i == 0) {
      expect_ready(&attempt);
      CHECK(chmod(site_path(&site, ".ssh/id_ed25519"), 0640) == 0);
      continue;
    }
    expect_closed(&attempt, i == 1 ? P2P_ERR_AUTH : P2P_ERR_INVALID);
    CHECK_STR(attempt.err.reason, i == 1 ? "key_exposed" : "config_exposed");
    site_write(&site, ".ssh/config", "Host *\n");
    CHECK(chmod(site_path(&site, ".ssh/config"), 0666) == 0);
  }
  has_account = true;
  if (home != NULL) setenv("HOME", home, 1);
  free(home);
  trust_host("host");
}

TEST(a_folder_is_not_a_key) {
  struct attempt attempt;
  CHECK(mkdir(site_path(&site, "folder"), 0755) == 0);
  prepare(&attempt, "folder");
  expect_closed(&attempt, P2P_ERR_AUTH);
  CHECK_STR(attempt.err.reason, "keys_rejected");
  CHECK(strstr(attempt.err.message, "/folder (a folder, and not a key)") != NULL);
}

TEST(a_key_that_others_can_read_is_not_used) {
  struct attempt attempt;
  CHECK(chmod(site_path(&site, "alice"), 0644) == 0);
  prepare(&attempt, "alice");
  expect_closed(&attempt, P2P_ERR_AUTH);
  CHECK_STR(attempt.err.reason, "key_exposed");
  CHECK(strstr(attempt.err.message, "/alice (not used: its mode 0644 lets others access it)") !=
        NULL);
  prepare_program(&attempt, "alice");
  attempt.run[0] = "user";
  start(&attempt);
  CHECK(site_wait(&gate, &attempt.closed, 1));
  CHECK_STR(attempt.err.reason, "key_exposed");
  CHECK(strstr(attempt.err.message, "Permissions 0644 for '") != NULL);
  stop(&attempt);
  CHECK(chmod(site_path(&site, "alice"), 0600) == 0);
}

TEST(a_user_id_without_an_entry_in_passwd_logs_in) {
  struct attempt attempt;
  char *home = getenv("HOME") == NULL ? NULL : strdup(getenv("HOME"));
  static const char *const homes[] = {"/", "/no/such/folder", NULL};
  has_account = false;
  for (int i = 0; i < 3; i++) {
    if (homes[i] == NULL)
      unsetenv("HOME");
    else
      setenv("HOME", homes[i], 1);
    prepare(&attempt, "alice");
    snprintf(attempt.address.login, sizeof attempt.address.login, "root"); /* sshd looks it up */
    expect_ready(&attempt);
  }
  prepare(&attempt, "alice");
  expect_closed(&attempt, P2P_ERR_AUTH); /* sshd does not know the user; a board would not ask */
  has_account = true;
  if (home != NULL) setenv("HOME", home, 1);
  free(home);
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
  CHECK(chmod(site_path(&site, "board.sh"), 0600) == 0);
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
  close_site();
}

UNIT_MAIN("ssh", UNIT(a_known_key_runs_a_command),
          UNIT(two_commands_run_at_once_and_report_their_exit_status),
          UNIT(writes_beyond_the_queue_are_refused_and_the_rest_arrives),
          UNIT(a_flood_on_both_streams_is_read_to_its_end),
          UNIT(the_connection_can_be_freed_in_each_callback),
          UNIT(the_commands_can_be_freed_in_each_callback),
          UNIT(a_broken_connection_is_reported_once_and_no_command_ends),
          UNIT(an_idle_board_that_answers_keepalives_stays_connected),
          UNIT(a_board_that_stops_responding_is_given_up),
          UNIT(the_known_hosts_entry_of_an_unknown_host_key_makes_the_connection_work),
          UNIT(a_known_hosts_entry_has_the_form_of_openssh), UNIT(a_changed_host_key_is_refused),
          UNIT(a_revoked_host_key_is_refused), UNIT(what_openssh_reads_in_known_hosts_is_read),
          UNIT(the_line_of_known_hosts_that_is_wrong_is_named),
          UNIT(several_known_hosts_files_count),
          UNIT(a_host_with_several_keys_shows_the_one_that_is_known),
          UNIT(files_of_the_home_directory_are_used_unless_others_can_get_at_them),
          UNIT(a_folder_is_not_a_key), UNIT(a_key_that_others_can_read_is_not_used),
          UNIT(a_user_id_without_an_entry_in_passwd_logs_in),
          UNIT(rejected_keys_are_listed_with_the_reason),
          UNIT(the_second_key_is_tried_after_the_first_is_rejected),
          UNIT(the_agent_is_used_unless_identities_only), UNIT(an_unreachable_port_is_named),
          UNIT(a_silent_server_is_a_timeout), UNIT(a_server_of_another_protocol_is_a_network_error),
          UNIT(freeing_while_connecting_is_silent))
