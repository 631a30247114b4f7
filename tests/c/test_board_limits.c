/* What a board lets one client, key, user and connection have, told to them in a sentence; and that
 * who keeps to it is left alone. */
#define _GNU_SOURCE /* pipe2 */

#include "board_fixture.h"
#include "server/board_connection.h"

static struct ssh alice, bob, eve, other;

static int connect_mutely(void) {
  struct sockaddr_in address = {.sin_family = AF_INET,
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                .sin_port = htons(p2p_board_listener_port(server))};
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  CHECK(connect(fd, (struct sockaddr *)&address, sizeof address) == 0);
  return fd;
}

static void start_limited_board(struct p2p_board_limits wanted) {
  char path[256];
  in_folder("ssh.log", path);
  unlink(path);
  limits = wanted;
  CHECK(start_board() == P2P_OK);
  limits = (struct p2p_board_limits){0};
}

/* In what ssh has shown on its standard error. */
static bool was_told(const char *sentence) {
  char log[4096];
  read_file("ssh.log", log, sizeof log);
  return strstr(log, sentence) != NULL;
}

TEST(connections_in_all_are_bounded) {
  start_limited_board((struct p2p_board_limits){.connections = 2});
  join_topic(&alice, "alice", "pipe t -r");
  join_topic(&bob, "bob", "pipe t -r");
  CHECK(run_ssh(&other, "alice", "ls") == 255);
  CHECK(wait_event("was refused: too many are open"));
  CHECK(end_ssh(&bob) == 0);
  CHECK(wait_event("bob left bob/t"));
  CHECK(run_ssh(&other, "alice", "ls") == 0);
  CHECK(end_ssh(&alice) == 0);
  stop_board();
}

TEST(connections_of_a_key_are_bounded) {
  start_limited_board((struct p2p_board_limits){.connections_of_key = 1});
  join_topic(&alice, "alice", "pipe t -r");
  CHECK(run_ssh(&other, "alice", "ls") == 255);
  CHECK(wait_event("the connection of alice from 127.0.0.1:"));
  CHECK(run_ssh(&bob, "bob", "ls") == 0);
  CHECK(end_ssh(&alice) == 0);
  stop_board();
}

TEST(keys_without_account_leave_room_for_members) {
  start_limited_board((struct p2p_board_limits){.connections = 3});
  join_topic(&eve, "eve", "pipe t -r");
  join_topic(&other, "eve", "pipe u -r");
  CHECK(run_ssh(&bob, "eve", "ls") == 255);
  CHECK(
      wait_event("was closed: too many connections are open with keys that have no account here"));
  CHECK(run_ssh(&alice, "alice", "ls") == 0);
  CHECK(end_ssh(&other) == 0);
  CHECK(end_ssh(&eve) == 0);
  stop_board();
}

TEST(topics_of_a_user_and_of_a_key_without_account_are_bounded) {
  start_limited_board((struct p2p_board_limits){.topics_of_user = 1});
  join_topic(&alice, "alice", "pipe t -r");
  CHECK(run_ssh(&other, "alice", "pipe u -r") == 1);
  CHECK(was_told("You have 1 topics open, and that is the most at a time: leave one first."));
  CHECK(wait_event("alice was refused a topic, from 127.0.0.1:"));
  join_topic(&eve, "eve", "pipe t -r");
  CHECK(run_ssh(&other, "eve", "pipe u -r") == 1);
  CHECK(wait_event("SHA256:"));
  join_topic(&bob, "bob", "pipe t -r"); /* nobody else is held up */
  CHECK(end_ssh(&alice) == 0);
  CHECK(end_ssh(&bob) == 0);
  CHECK(end_ssh(&eve) == 0);
  stop_board();
}

TEST(who_shows_no_key_in_time_is_sent_away) {
  char byte[64];
  start_limited_board((struct p2p_board_limits){.auth_ms = 100, .ping_ms = 50});
  int fd = connect_mutely();
  CHECK(wait_event("was closed: it did not authenticate in time"));
  while (read(fd, byte, sizeof byte) > 0) {
  } /* the greeting; then the end */
  close(fd);
  stop_board();
}

TEST(who_does_not_answer_is_sent_away) {
  start_limited_board((struct p2p_board_limits){.silent_ms = 500, .ping_ms = 50});
  join_topic(&bob, "bob", "pipe t -r");
  kill(bob.pid, SIGSTOP);
  CHECK(wait_event("the connection of bob from 127.0.0.1:"));
  CHECK(wait_event("bob left bob/t"));
  kill(bob.pid, SIGCONT);
  CHECK(!read_some(&bob, p2p_clock_ms() + WAIT_MS));
  CHECK(end_ssh(&bob) == 255);
  stop_board();
}

/* Its answers are read while more is written to it, and must count all the same. */
TEST(who_is_written_to_without_a_pause_is_not_taken_for_gone) {
  char lines[1024];
  start_limited_board((struct p2p_board_limits){.silent_ms = 400, .ping_ms = 40});
  memset(lines, '\n', sizeof lines);
  start_ssh(&bob, "bob", NULL, "sub t -p");
  CHECK(wait_event("bob joined public/t"));
  start_ssh(&alice, "alice", NULL, "pub t -p");
  fcntl(alice.in, F_SETFL, O_NONBLOCK);
  uint64_t end_ms = p2p_clock_ms() + 2000;
  bool is_there = true;
  while (is_there && p2p_clock_ms() < end_ms) {
    struct pollfd fds[] = {{.fd = alice.in, .events = POLLOUT}, {.fd = bob.out, .events = POLLIN}};
    poll(fds, 2, 1000);
    bob.n_got = 0;
    if (fds[0].revents != 0) is_there = write(alice.in, lines, sizeof lines) > 0;
    if (fds[1].revents != 0) is_there = is_there && read_some(&bob, end_ms + WAIT_MS);
  }
  CHECK(is_there);
  CHECK(end_ssh(&alice) == 0);
  CHECK(end_ssh(&bob) == 0);
  stop_board();
}

TEST(who_sends_faster_than_he_may_waits_and_loses_nothing) {
  static char block[65536];
  size_t n_sent = 0, n_got = 0, most = P2P_BOARD_BURST_BYTES + 2 * sizeof block;
  start_limited_board((struct p2p_board_limits){.bytes_per_s = 2 * sizeof block});
  memset(block, 'x', sizeof block);
  start_ssh(&bob, "bob", NULL, "sub t -p");
  CHECK(wait_event("bob joined public/t"));
  start_ssh(&alice, "alice", NULL, "pub t -p");
  fcntl(alice.in, F_SETFL, O_NONBLOCK);
  uint64_t began_ms = p2p_clock_ms(), end_ms = began_ms + WAIT_MS;
  while (n_got < most && p2p_clock_ms() < end_ms) {
    struct pollfd fds[] = {{.fd = n_sent < most ? alice.in : -1, .events = POLLOUT},
                           {.fd = bob.out, .events = POLLIN}};
    poll(fds, 2, 1000);
    ssize_t n = fds[0].revents != 0 ? write(alice.in, block, sizeof block) : 0;
    if (n > 0) n_sent += (size_t)n;
    bob.n_got = 0;
    if (fds[1].revents != 0 && read_some(&bob, end_ms)) n_got += bob.n_got;
  }
  CHECK(n_got >= most);
  CHECK(p2p_clock_ms() - began_ms > 500); /* a second, less what the clocks round */
  CHECK(end_ssh(&alice) == 0);
  CHECK(end_ssh(&bob) == 0);
  stop_board();
}

UNIT_MAIN("board_limits", UNIT(prepare), UNIT(connections_in_all_are_bounded),
          UNIT(connections_of_a_key_are_bounded), UNIT(keys_without_account_leave_room_for_members),
          UNIT(topics_of_a_user_and_of_a_key_without_account_are_bounded),
          UNIT(who_shows_no_key_in_time_is_sent_away), UNIT(who_does_not_answer_is_sent_away),
          UNIT(who_is_written_to_without_a_pause_is_not_taken_for_gone),
          UNIT(who_sends_faster_than_he_may_waits_and_loses_nothing), UNIT(clean_up))
