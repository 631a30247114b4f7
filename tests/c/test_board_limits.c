/* The limits of a board per address, key, user and connection, the reasons that clients are given,
 * and that clients within the limits are left alone. */
#define _GNU_SOURCE /* pipe2 */

#include "board_fixture.h"

static struct ssh alice, bob, eve, other;

static int connect_silently(void) {
  struct sockaddr_in address = {.sin_family = AF_INET,
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                .sin_port = htons(p2p_board_listener_port(server))};
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  CHECK(connect(fd, (struct sockaddr *)&address, sizeof address) == 0);
  return fd;
}

static void start_board_with(struct p2p_board_limits of_board) {
  char path[256];
  path_in_folder("ssh.log", path);
  unlink(path);
  limits = of_board;
  CHECK(start_board() == P2P_OK);
  limits = (struct p2p_board_limits){0};
}

/* On the standard error of ssh. */
static bool ssh_showed(const char *sentence) {
  char log[4096];
  read_file("ssh.log", log, sizeof log);
  return strstr(log, sentence) != NULL;
}

TEST(connections_in_all_are_bounded) {
  start_board_with((struct p2p_board_limits){.connections = 2});
  join_topic(&alice, "alice", "pipe t -r");
  join_topic(&bob, "bob", "pipe t -r");
  CHECK(run_ssh(&other, "alice", "ls") == 255);
  CHECK(wait_for_log("too many connections"));
  CHECK(end_ssh(&bob) == 0);
  CHECK(wait_for_log("'bob' left 'bob/t'"));
  CHECK(run_ssh(&other, "alice", "ls") == 0);
  CHECK(end_ssh(&alice) == 0);
  stop_board();
}

TEST(connections_of_a_key_are_bounded) {
  start_board_with((struct p2p_board_limits){.connections_per_key = 1});
  join_topic(&alice, "alice", "pipe t -r");
  CHECK(run_ssh(&other, "alice", "ls") == 255);
  CHECK(wait_for_log("closed the connection of 'alice' from 127.0.0.1:"));
  CHECK(run_ssh(&bob, "bob", "ls") == 0);
  CHECK(end_ssh(&alice) == 0);
  stop_board();
}

TEST(keys_without_an_account_leave_connections_to_members) {
  start_board_with((struct p2p_board_limits){.connections = 3});
  join_topic(&eve, "eve", "pipe t -r");
  join_topic(&other, "eve", "pipe u -r");
  CHECK(run_ssh(&bob, "eve", "ls") == 255);
  CHECK(wait_for_log("too many connections with keys without an account"));
  CHECK(run_ssh(&alice, "alice", "ls") == 0);
  CHECK(end_ssh(&other) == 0);
  CHECK(end_ssh(&eve) == 0);
  stop_board();
}

TEST(topics_of_a_user_and_of_a_key_without_an_account_are_bounded) {
  start_board_with((struct p2p_board_limits){.topics_per_user = 1});
  join_topic(&alice, "alice", "pipe t -r");
  CHECK(run_ssh(&other, "alice", "pipe u -r") == 1);
  CHECK(ssh_showed("You have 1 topic open, which is the limit. Leave one first."));
  CHECK(wait_for_log("refused a topic to 'alice' from 127.0.0.1:"));
  join_topic(&eve, "eve", "pipe t -r");
  CHECK(run_ssh(&other, "eve", "pipe u -r") == 1);
  CHECK(wait_for_log("refused a topic to SHA256:"));
  join_topic(&bob, "bob", "pipe t -r"); /* others are not affected */
  CHECK(end_ssh(&alice) == 0);
  CHECK(end_ssh(&bob) == 0);
  CHECK(end_ssh(&eve) == 0);
  stop_board();
}

TEST(a_client_that_shows_no_key_in_time_is_disconnected) {
  char byte[64];
  start_board_with((struct p2p_board_limits){.login_ms = 100, .ping_ms = 50});
  int fd = connect_silently();
  CHECK(wait_for_log("no key was shown in time"));
  while (read(fd, byte, sizeof byte) > 0) {
  } /* the banner, then the end */
  close(fd);
  stop_board();
}

TEST(a_client_that_does_not_answer_is_disconnected) {
  start_board_with((struct p2p_board_limits){.silence_ms = 500, .ping_ms = 50});
  join_topic(&bob, "bob", "pipe t -r");
  kill(bob.pid, SIGSTOP);
  CHECK(wait_for_log("closed the connection of 'bob' from 127.0.0.1:"));
  CHECK(wait_for_log("'bob' left 'bob/t'"));
  kill(bob.pid, SIGCONT);
  CHECK(!read_output(&bob, p2p_clock_ms() + WAIT_MS));
  CHECK(end_ssh(&bob) == 255);
  stop_board();
}

/* Its replies to pings are read while more is written to it; they must count. */
TEST(a_client_that_reads_without_a_pause_is_not_taken_for_silent) {
  char lines[1024];
  start_board_with((struct p2p_board_limits){.silence_ms = 5000, .ping_ms = 100});
  memset(lines, '\n', sizeof lines);
  start_ssh(&bob, "bob", NULL, "sub t -p");
  CHECK(wait_for_log("'bob' joined 'public/t'"));
  start_ssh(&alice, "alice", NULL, "pub t -p");
  fcntl(alice.in, F_SETFL, O_NONBLOCK);
  uint64_t end_ms = p2p_clock_ms() + 8000;
  bool is_there = true;
  while (is_there && p2p_clock_ms() < end_ms) {
    struct pollfd fds[] = {{.fd = alice.in, .events = POLLOUT}, {.fd = bob.out, .events = POLLIN}};
    poll(fds, 2, 1000);
    bob.n_output = 0;
    if (fds[0].revents != 0) is_there = write(alice.in, lines, sizeof lines) > 0;
    if (fds[1].revents != 0) is_there = is_there && read_output(&bob, end_ms + WAIT_MS);
  }
  CHECK(is_there);
  CHECK(end_ssh(&alice) == 0);
  CHECK(end_ssh(&bob) == 0);
  stop_board();
}

TEST(a_client_that_sends_too_fast_is_slowed_down_and_loses_nothing) {
  static char block[65536];
  size_t n_sent = 0, n_output = 0, most = P2P_BOARD_BURST_BYTES + 2 * sizeof block;
  start_board_with((struct p2p_board_limits){.bytes_per_s = 2 * sizeof block});
  memset(block, 'x', sizeof block);
  start_ssh(&bob, "bob", NULL, "sub t -p");
  CHECK(wait_for_log("'bob' joined 'public/t'"));
  start_ssh(&alice, "alice", NULL, "pub t -p");
  fcntl(alice.in, F_SETFL, O_NONBLOCK);
  uint64_t began_ms = p2p_clock_ms(), end_ms = began_ms + WAIT_MS;
  while (n_output < most && p2p_clock_ms() < end_ms) {
    struct pollfd fds[] = {{.fd = n_sent < most ? alice.in : -1, .events = POLLOUT},
                           {.fd = bob.out, .events = POLLIN}};
    poll(fds, 2, 1000);
    ssize_t n = fds[0].revents != 0 ? write(alice.in, block, sizeof block) : 0;
    if (n > 0) n_sent += (size_t)n;
    bob.n_output = 0;
    if (fds[1].revents != 0 && read_output(&bob, end_ms)) n_output += bob.n_output;
  }
  CHECK(n_output >= most);
  CHECK(p2p_clock_ms() - began_ms > 500); /* a second, less the granularity of the clocks */
  CHECK(end_ssh(&alice) == 0);
  CHECK(end_ssh(&bob) == 0);
  stop_board();
}

UNIT_MAIN("board_limits", UNIT(prepare), UNIT(connections_in_all_are_bounded),
          UNIT(connections_of_a_key_are_bounded),
          UNIT(keys_without_an_account_leave_connections_to_members),
          UNIT(topics_of_a_user_and_of_a_key_without_an_account_are_bounded),
          UNIT(a_client_that_shows_no_key_in_time_is_disconnected),
          UNIT(a_client_that_does_not_answer_is_disconnected),
          UNIT(a_client_that_reads_without_a_pause_is_not_taken_for_silent),
          UNIT(a_client_that_sends_too_fast_is_slowed_down_and_loses_nothing), UNIT(clean_up))
