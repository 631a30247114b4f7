/* The board with OpenSSH's `ssh` as its client. */
#define _GNU_SOURCE /* pipe2 */

#include "board_fixture.h"
#include "idle_connections.h"

static struct ssh alice, bob, eve, other;

/* On the standard error of ssh, so far. */
static bool ssh_showed(const char *text) {
  static char shown[65536];
  read_file("ssh.log", shown, sizeof shown);
  return strstr(shown, text) != NULL;
}

TEST(a_key_decides_who_the_user_is) {
  CHECK(start_board() == P2P_OK);
  CHECK(run_ssh(&alice, "alice", "user") == 0);
  CHECK(strncmp(alice.output, "alice\n", 6) == 0);
  CHECK(strstr(alice.output, "\n1970-01-01T00:00:00Z\n") != NULL);
  CHECK(run_ssh(&eve, "eve", "user") == 1);
  CHECK(eve.n_output == 0);
  CHECK(ssh_showed("has no account on this board. Ask its administrator to add your public key"));
  CHECK(wait_for_log("refused 'user' to SHA256:"));
  stop_board();
}

TEST(commands_print_and_end) {
  CHECK(start_board() == P2P_OK);
  CHECK(run_ssh(&alice, "alice", "services") == 0);
  CHECK_STR(alice.output, "mailbox=ws://*:4000/v1\nrelay=tcp:*:4001\nclient_address=127.0.0.1\n");
  CHECK(run_ssh(&alice, "alice", "users diana,bob,eve,bo,bobb") == 0);
  CHECK_STR(alice.output, "unknown=diana,eve,bo,bobb\n");
  CHECK(run_ssh(&alice, "alice", "users bob,alice") == 0);
  CHECK_STR(alice.output, "unknown=\n");
  CHECK(run_ssh(&alice, "alice", "users") == 1);
  CHECK(run_ssh(&eve, "eve", "users bob") == 1 && eve.n_output == 0);
  CHECK(run_ssh(&alice, "alice", "ls") == 0);
  CHECK_STR(alice.output, "no pubsub channels found\r\n");
  CHECK(run_ssh(&alice, "alice", "dance") == 0);
  CHECK(strstr(alice.output, "pipe TOPIC") != NULL);
  CHECK(run_ssh(&alice, "alice", NULL) == 0);
  CHECK(strstr(alice.output, "pipe TOPIC") != NULL);
  CHECK(run_ssh(&alice, "alice", "pipe x -z") == 1);
  CHECK(alice.n_output == 0);
  CHECK(
      ssh_showed("Error: flag '-z' is unknown or has an invalid value. The command 'help' shows"));
  stop_board();
}

TEST(members_with_access_meet_and_others_get_a_private_topic) {
  CHECK(start_board() == P2P_OK);
  join_topic(&alice, "alice", "pipe friends/future.p2p -r -a alice,bob");
  CHECK(wait_for_log("'alice' joined 'alice/friends/future.p2p' from 127.0.0.1:"));
  join_topic(&bob, "bob", "pipe alice/friends/future.p2p -r");
  CHECK(wait_for_output(&alice, "joined\n"));
  join_topic(&eve, "eve", "pipe alice/friends/future.p2p -r");
  send_text(&bob, "hello alice\n");
  CHECK(wait_for_output(&alice, "hello alice\n"));
  send_text(&alice, "hello bob\n");
  CHECK(wait_for_output(&bob, "hello bob\n"));
  CHECK(run_ssh(&other, "alice", "ls") == 0);
  CHECK(strstr(other.output,
               "- alice/friends/future.p2p: (Access List: alice, bob)\r\n  Pipes:\r\n  - ") !=
        NULL);
  CHECK(strstr(other.output, " (some-login@127.0.0.1:") != NULL);
  CHECK(run_ssh(&other, "eve", "ls") == 0);
  CHECK(strstr(other.output, "- public/alice/friends/future.p2p:\r\n") != NULL);
  kill_ssh(&bob);
  CHECK(wait_for_log("'bob' left 'alice/friends/future.p2p'"));
  send_text(&alice, "still here\n");
  CHECK(wait_for_output(&alice, "still here\n"));
  send_text(&eve, "eve\n");
  CHECK(wait_for_output(&eve, "eve\n"));
  CHECK(strstr(eve.output, "alice") == NULL);
  CHECK(end_ssh(&alice) == 0);
  CHECK(end_ssh(&eve) == 0);
  stop_board();
}

TEST(several_commands_run_over_one_connection) {
  char control[300];
  CHECK(start_board() == P2P_OK);
  snprintf(control, sizeof control, "ControlPath=%s/mux", folder);
  const char *master[] = {"-o", "ControlMaster=yes", "-o", control, NULL},
             *shared[] = {"-o", control, NULL};
  start_ssh(&alice, "alice", master, "pipe t -r");
  send_text(&alice, "x\n");
  CHECK(wait_for_output(&alice, "x\n"));
  for (int i = 0; i < 20; i++) { /* more than the limit at a time */
    start_ssh(&other, "alice", shared, "ls");
    CHECK(end_ssh(&other) == 0);
    CHECK(strstr(other.output, "- alice/t:\r\n") != NULL);
  }
  CHECK(end_ssh(&alice) == 0);
  stop_board();
}

#define KEY(last) "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" last

/* A connection of `key` that stays, and the options of others that share it. */
static void start_master(struct ssh *ssh, const char *key, const char *shared[3]) {
  static char control[2][300];
  int i = strcmp(key, "alice") == 0;
  snprintf(control[i], sizeof control[i], "ControlPath=%s/%s", folder, i ? "mux" : "mux2");
  const char *master[] = {"-o", "ControlMaster=yes", "-o", control[i], NULL};
  start_ssh(ssh, key, master, "pipe t -r");
  send_text(ssh, "x\n");
  CHECK(wait_for_output(ssh, "x\n"));
  shared[0] = "-o";
  shared[1] = control[i];
  shared[2] = NULL;
}

static int run_shared(const char *key, const char *const *shared, const char *command) {
  start_ssh(&other, key, shared, command);
  return end_ssh(&other);
}

TEST(a_device_key_is_attested_while_its_connection_lasts) {
  const char *of_alice[3], *of_bob[3];
  CHECK(start_board() == P2P_OK);
  start_master(&alice, "alice", of_alice);
  start_master(&bob, "bob", of_bob);
  CHECK(run_shared("alice", of_alice, "attested " KEY("A")) == 0);
  CHECK_STR(other.output, "users=\n");
  for (int i = 0; i < 2; i++) { /* again changes nothing */
    CHECK(run_shared("bob", of_bob, "attest " KEY("A")) == 0);
    CHECK_STR(other.output, "attested\n");
  }
  CHECK(run_shared("alice", of_alice, "attested " KEY("A")) == 0);
  CHECK_STR(other.output, "users=bob\n");
  CHECK(run_shared("alice", of_alice, "attest " KEY("A")) == 0);
  CHECK(run_ssh(&other, "bob", "attest " KEY("A")) == 0); /* on a connection of its own */
  CHECK(run_ssh(&other, "bob", "attested " KEY("A")) == 0);
  CHECK_STR(other.output, "users=alice,bob\n");
  CHECK(run_ssh(&other, "bob", "attested " KEY("E")) == 0);
  CHECK_STR(other.output, "users=\n");
  kill_ssh(&bob);
  CHECK(wait_for_log("'bob' left 'bob/t'"));
  CHECK(run_shared("alice", of_alice, "attested " KEY("A")) == 0);
  CHECK_STR(other.output, "users=alice\n");
  CHECK(end_ssh(&alice) == 0);
  CHECK(wait_for_log("'alice' left 'alice/t'"));
  CHECK(run_ssh(&other, "bob", "attested " KEY("A")) == 0);
  CHECK_STR(other.output, "users=\n");
  stop_board();
}

TEST(a_connection_attests_four_keys_and_needs_an_account) {
  static const char *const keys[] = {KEY("A"), KEY("E"), KEY("I"), KEY("M"), KEY("Q")};
  const char *of_alice[3];
  char command[80];
  CHECK(start_board() == P2P_OK);
  start_master(&alice, "alice", of_alice);
  for (int i = 0; i < 5; i++) {
    snprintf(command, sizeof command, "attest %s", keys[i]);
    CHECK(run_shared("alice", of_alice, command) == (i == P2P_BOARD_ATTESTED_MAX));
  }
  CHECK(ssh_showed("This connection has attested too many keys."));
  for (int i = 0; i < 5; i++) {
    snprintf(command, sizeof command, "attested %s", keys[i]);
    CHECK(run_shared("alice", of_alice, command) == 0);
    CHECK_STR(other.output, i < P2P_BOARD_ATTESTED_MAX ? "users=alice\n" : "users=\n");
  }
  CHECK(run_shared("alice", of_alice, "attest") == 1 && other.n_output == 0);
  CHECK(run_ssh(&eve, "eve", "attest " KEY("A")) == 1 && eve.n_output == 0);
  CHECK(wait_for_log("refused 'attest' to SHA256:"));
  CHECK(run_ssh(&eve, "eve", "attested " KEY("A")) == 1 && eve.n_output == 0);
  CHECK(end_ssh(&alice) == 0);
  stop_board();
}

TEST(a_pty_and_an_environment_are_declined) {
  const char *more[] = {"-A", "-o", "SendEnv=HOME", NULL}, *with_pty[] = {"-tt", NULL};
  CHECK(start_board() == P2P_OK);
  start_ssh(&alice, "alice", more, "services");
  CHECK(end_ssh(&alice) == 0);
  CHECK_STR(alice.output, "mailbox=ws://*:4000/v1\nrelay=tcp:*:4001\nclient_address=127.0.0.1\n");
  start_ssh(&alice, "alice", with_pty, "services");
  CHECK(end_ssh(&alice) == 255); /* ssh itself gives up at once */
  stop_board();
}

TEST(many_bytes_arrive_unchanged) {
  static char sent[3000000];
  size_t at = 0, read_bytes = 0, wrong = 0;
  uint64_t end_ms = p2p_clock_ms() + WAIT_MS;
  CHECK(start_board() == P2P_OK);
  start_ssh(&bob, "bob", NULL, "sub t -p");
  CHECK(wait_for_log("'bob' joined 'public/t'"));
  for (size_t i = 0; i < sizeof sent; i++) sent[i] = (char)(i * 31 % 251);
  start_ssh(&alice, "alice", NULL, "pub t -p");
  fcntl(alice.in, F_SETFL, O_NONBLOCK);
  while (read_bytes < sizeof sent && p2p_clock_ms() < end_ms) {
    struct pollfd fds[] = {{.fd = at < sizeof sent ? alice.in : -1, .events = POLLOUT},
                           {.fd = bob.out, .events = POLLIN}};
    poll(fds, 2, 1000);
    if (fds[0].revents != 0) {
      ssize_t n = write(alice.in, sent + at, sizeof sent - at);
      if (n > 0) at += (size_t)n;
    }
    if (fds[1].revents == 0) continue;
    bob.n_output = 0;
    if (!read_output(&bob, end_ms)) break;
    for (size_t i = 0; i < bob.n_output && read_bytes + i < sizeof sent; i++)
      wrong += bob.output[i] != sent[read_bytes + i];
    read_bytes += bob.n_output;
  }
  CHECK(read_bytes == sizeof sent);
  CHECK(wrong == 0);
  CHECK(end_ssh(&alice) == 0);
  CHECK(end_ssh(&bob) == 0); /* the last writer has left */
  stop_board();
}

TEST(unauthenticated_connections_of_one_address_are_bounded) {
  int fds[P2P_BOARD_UNAUTHENTICATED_PER_ADDRESS_MAX + 1];
  size_t n = sizeof fds / sizeof fds[0];
  CHECK(start_board() == P2P_OK);
  idle_connections_open(fds, n, p2p_board_listener_port(server));
  CHECK(wait_for_log("too many unauthenticated connections from this address"));
  idle_connections_close(fds, n);
  CHECK(run_ssh(&alice, "alice", "user") == 0); /* as soon as they are closed */
  stop_board();
}

/* The connection takes the last descriptor, so that the copy for libssh fails. */
TEST(a_connection_is_closed_when_no_descriptor_is_left) {
  enum { MOST = 256 };
  struct rlimit limit, low;
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int fillers[MOST], n = 0;
  char byte;
  CHECK(start_board() == P2P_OK);
  address.sin_port = htons(p2p_board_listener_port(server));
  int before = count_descriptors(), fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
  low = limit;
  low.rlim_cur = MOST;
  CHECK(setrlimit(RLIMIT_NOFILE, &low) == 0);
  while (n < MOST && (fillers[n] = dup(fd)) >= 0) n++;
  close(fillers[--n]);
  CHECK(connect(fd, (struct sockaddr *)&address, sizeof address) == 0);
  struct pollfd ready = {.fd = fd, .events = POLLIN};
  CHECK(poll(&ready, 1, WAIT_MS) == 1 && read(fd, &byte, 1) <= 0);
  while (n > 0) close(fillers[--n]);
  close(fd);
  CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
  CHECK(wait_for_log("refused a connection from 127.0.0.1:"));
  CHECK(count_descriptors() == before);
  CHECK(run_ssh(&alice, "alice", "user") == 0); /* the next one is served */
  stop_board();
}

TEST(a_client_that_does_not_read_is_disconnected_and_delays_nobody) {
  static char block[65536];
  CHECK(start_board() == P2P_OK);
  memset(block, 'x', sizeof block);
  start_ssh(&bob, "bob", NULL, "sub t -p");
  CHECK(wait_for_log("'bob' joined 'public/t'"));
  kill(bob.pid, SIGSTOP);
  start_ssh(&alice, "alice", NULL, "pub t -p");
  fcntl(alice.in, F_SETFL, O_NONBLOCK);
  uint64_t end_ms = p2p_clock_ms() + WAIT_MS;
  for (size_t sent = 0; sent < 64 * sizeof block && p2p_clock_ms() < end_ms;) {
    struct pollfd fd = {.fd = alice.in, .events = POLLOUT};
    if (poll(&fd, 1, 1000) > 0) {
      ssize_t n = write(alice.in, block, sizeof block);
      if (n > 0) sent += (size_t)n;
    }
  }
  CHECK(wait_for_log("'bob' left 'public/t'"));
  CHECK(run_ssh(&other, "alice", "ls") == 0);
  kill(bob.pid, SIGCONT);
  kill_ssh(&bob);
  CHECK(end_ssh(&alice) == 0);
  stop_board();
}

TEST(pub_waits_for_a_reader_for_the_given_time) {
  CHECK(start_board() == P2P_OK);
  start_ssh(&alice, "alice", NULL, "pub t");
  send_text(&alice, "before\n");
  CHECK(wait_for_log("'alice' joined 'alice/t'"));
  start_ssh(&other, "alice", NULL, "sub t");
  CHECK(wait_for_output(&other, "before\n"));
  CHECK(end_ssh(&alice) == 0);
  CHECK(end_ssh(&other) == 0);
  start_ssh(&alice, "alice", NULL, "pub t -t 50ms");
  CHECK(read_output(&alice, p2p_clock_ms() + WAIT_MS) == false);
  CHECK(end_ssh(&alice) == 1);
  CHECK(ssh_showed("No reader joined in time. Give a longer time with -t"));
  CHECK(run_ssh(&alice, "alice", "pub t -b=false") == 0);
  stop_board();
}

TEST(connections_leave_nothing_behind_however_they_end) {
  CHECK(start_board() == P2P_OK);
  int before = count_descriptors();
  for (int i = 0; i < 3; i++) {
    CHECK(run_ssh(&alice, "alice", "user") == 0);
    join_topic(&bob, "bob", "pipe t -r");
    kill_ssh(&bob);
    CHECK(wait_for_log("'bob' left"));
  }
  join_topic(&bob, "bob", "pipe t -r"); /* by now the earlier ones are closed */
  CHECK(count_descriptors() <= before + 2 + 1 + 1);
  CHECK(p2p_loop_call(loop, stop_on_loop, NULL) == P2P_OK); /* with a member still there */
  CHECK(end_ssh(&bob) == 255);
  stop_board();
}

TEST(the_host_key_is_kept_and_must_be_private) {
  char path[256], key[512];
  struct stat info;
  CHECK(start_board() == P2P_OK);
  path_in_folder("host_key", path);
  snprintf(key, sizeof key, "%s", p2p_board_listener_host_key(server));
  CHECK(strncmp(key, "ssh-ed25519 AAAA", 16) == 0);
  CHECK(strncmp(p2p_board_listener_fingerprint(server), "SHA256:", 7) == 0);
  CHECK(stat(path, &info) == 0 && (info.st_mode & 0777) == 0600);
  stop_board();
  CHECK(start_board() == P2P_OK);
  CHECK_STR(p2p_board_listener_host_key(server), key);
  stop_board();
  CHECK(chmod(path, 0640) == 0);
  CHECK(start_board() == P2P_ERR_INVALID);
  CHECK(strstr(start_err.message, path) != NULL);
  CHECK_STR(start_err.reason, "host_key_exposed");
  stop_board();
  CHECK(unlink(path) == 0);
}

UNIT_MAIN("board_listener", UNIT(prepare), UNIT(a_key_decides_who_the_user_is),
          UNIT(commands_print_and_end),
          UNIT(members_with_access_meet_and_others_get_a_private_topic),
          UNIT(several_commands_run_over_one_connection),
          UNIT(a_device_key_is_attested_while_its_connection_lasts),
          UNIT(a_connection_attests_four_keys_and_needs_an_account),
          UNIT(a_pty_and_an_environment_are_declined), UNIT(many_bytes_arrive_unchanged),
          UNIT(unauthenticated_connections_of_one_address_are_bounded),
          UNIT(a_connection_is_closed_when_no_descriptor_is_left),
          UNIT(a_client_that_does_not_read_is_disconnected_and_delays_nobody),
          UNIT(pub_waits_for_a_reader_for_the_given_time),
          UNIT(connections_leave_nothing_behind_however_they_end),
          UNIT(the_host_key_is_kept_and_must_be_private), UNIT(clean_up))
