/* The control socket: one line in, one line out, for its owner only. */
#include "worker/control.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "net/unix_socket.h"
#include "unit.h"
#include "worker/control_client.h"

static char folder[64], reply[P2P_CONTROL_REPLY_MAX];
static struct p2p_loop *loop;
static struct p2p_control *control;
static int asked[4];

static void on_request(void *arg, enum p2p_control_op op, char out[P2P_CONTROL_REPLY_MAX - 1]) {
  (void)arg;
  asked[op]++;
  snprintf(out, P2P_CONTROL_REPLY_MAX - 1, "%s|done\033", p2p_control_word(op));
}

static void start_control(void *err) {
  const struct p2p_control_config config = {
      .loop = loop, .folder = folder, .on_request = on_request};
  CHECK(p2p_control_new(&config, &control, err) == P2P_OK);
}

static void stop_control(void *unused) {
  (void)unused;
  p2p_control_free(control);
  control = NULL;
}

static int connect_to(long pid) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  CHECK(p2p_control_path(folder, pid, address.sun_path));
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0) return fd;
  close(fd);
  return -1;
}

/* Sends the bytes and reads until the worker closes. Returns the length of its answer. */
static long exchange(const char *bytes, size_t length) {
  int fd = connect_to(getpid());
  long used = 0, got;
  CHECK(fd >= 0 && send(fd, bytes, length, MSG_NOSIGNAL) == (long)length);
  while ((got = recv(fd, reply + used, sizeof reply - (size_t)used - 1, 0)) > 0) used += got;
  reply[used] = '\0';
  close(fd);
  return used;
}

TEST(requests_are_words) {
  enum p2p_control_op op;
  for (int i = 0; i < 4; i++) {
    char line[16];
    int length = snprintf(line, sizeof line, "%s\n", p2p_control_word((enum p2p_control_op)i));
    CHECK(length <= P2P_CONTROL_LINE_MAX);
    for (int part = 0; part < length; part++)
      CHECK(p2p_control_line_read(line, (size_t)part, &op) == P2P_ERR_CANCELED);
    CHECK(p2p_control_line_read(line, (size_t)length, &op) == P2P_OK && (int)op == i);
    CHECK(p2p_control_line_read(line, (size_t)length + 1, &op) == P2P_ERR_PARSE);
  }
  CHECK(p2p_control_line_read("pausE", 5, &op) == P2P_ERR_PARSE);
  CHECK(p2p_control_line_read("\n", 1, &op) == P2P_ERR_PARSE);
  CHECK(p2p_control_line_read("status \n", 8, &op) == P2P_ERR_PARSE);
}

TEST(a_request_has_a_reply_that_is_safe_to_show) {
  struct p2p_err err = {0};
  snprintf(folder, sizeof folder, "/tmp/p2p-control-XXXXXX");
  CHECK(mkdtemp(folder) != NULL && p2p_loop_start(&loop, &err) == P2P_OK);
  CHECK(p2p_control_ask(folder, getpid(), P2P_CONTROL_STATUS, reply, &err) == P2P_ERR_CLOSED);
  CHECK(p2p_control_prepare(folder, &err) == P2P_OK);
  CHECK(p2p_loop_call(loop, start_control, &err) == P2P_OK);
  CHECK(p2p_control_ask(folder, getpid(), P2P_CONTROL_PAUSE, reply, &err) == P2P_OK);
  CHECK_STR(reply, "pause|done?");
  CHECK(p2p_control_ask(folder, getpid(), P2P_CONTROL_STATUS, reply, &err) == P2P_OK);
  CHECK(asked[P2P_CONTROL_PAUSE] == 1 && asked[P2P_CONTROL_STATUS] == 1);
}

TEST(anything_else_is_not_answered) {
  CHECK(exchange("status\n", 7) > 0);
  CHECK(exchange("status\nstatus\n", 14) == 0);
  CHECK(exchange("paus\n", 5) == 0 && exchange("\0", 1) == 0);
  CHECK(asked[P2P_CONTROL_PAUSE] == 1 && asked[P2P_CONTROL_STATUS] == 2);
}

/* Beyond the most at a time, the worker closes; the others may still ask. */
TEST(many_connections_do_not_keep_it_busy) {
  int fds[P2P_CONTROL_CONNECTIONS_MAX + 1];
  char byte;
  for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++)
    CHECK((fds[i] = connect_to(getpid())) >= 0);
  CHECK(recv(fds[P2P_CONTROL_CONNECTIONS_MAX], &byte, 1, 0) <= 0);
  CHECK(send(fds[0], "drain\n", 6, MSG_NOSIGNAL) == 6 && recv(fds[0], &byte, 1, 0) == 1);
  CHECK(asked[P2P_CONTROL_DRAIN] == 1);
  for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++) close(fds[i]);
}

static void leave_dead_socket(void) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  CHECK(p2p_control_path(folder, 99999999, address.sun_path));
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  CHECK(bind(fd, (struct sockaddr *)&address, sizeof address) == 0 && listen(fd, 1) == 0);
  close(fd);
}

TEST(sockets_of_dead_workers_are_removed_and_no_others) {
  char dead[P2P_CONTROL_PATH_MAX], ours[P2P_CONTROL_PATH_MAX], other[P2P_CONTROL_PATH_MAX];
  struct p2p_err err = {0};
  leave_dead_socket();
  CHECK(p2p_control_path(folder, 99999999, dead) && p2p_control_path(folder, getpid(), ours));
  snprintf(other, sizeof other, "%s/worker-1.socks", folder);
  close(open(other, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
  CHECK(p2p_control_ask(folder, 99999999, P2P_CONTROL_STATUS, reply, &err) == P2P_ERR_CLOSED);
  CHECK(p2p_control_prepare(folder, &err) == P2P_OK);
  CHECK(access(dead, F_OK) != 0 && access(ours, F_OK) == 0 && access(other, F_OK) == 0);
  unlink(other);
}

/* A worker that is stopped does not accept: what is left of its queue is used up. */
TEST(a_worker_that_does_not_accept_keeps_nobody_waiting) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  struct p2p_err err = {0};
  int fds[8], n = 0;
  CHECK(p2p_control_path(folder, 99999998, address.sun_path));
  int listener = socket(AF_UNIX, SOCK_STREAM, 0);
  CHECK(bind(listener, (struct sockaddr *)&address, sizeof address) == 0);
  CHECK(listen(listener, 0) == 0);
  while (n < 8 && (fds[n] = p2p_unix_socket_connect(address.sun_path)) >= 0) n++;
  CHECK(n > 0 && n < 8 && errno == EAGAIN);
  CHECK(p2p_control_ask(folder, 99999998, P2P_CONTROL_STATUS, reply, &err) == P2P_ERR_SYSTEM);
  CHECK(p2p_control_prepare(folder, &err) == P2P_OK);
  CHECK(access(address.sun_path, F_OK) == 0);
  while (n > 0) close(fds[--n]);
  close(listener);
  unlink(address.sun_path);
}

TEST(others_must_not_enter_the_folder) {
  struct p2p_err err = {0};
  char none[P2P_CONTROL_PATH_MAX], deep[160];
  CHECK(chmod(folder, 0755) == 0);
  CHECK(p2p_control_prepare(folder, &err) == P2P_ERR_ACCESS);
  CHECK(p2p_control_ask(folder, getpid(), P2P_CONTROL_STATUS, reply, &err) == P2P_ERR_ACCESS);
  CHECK(chmod(folder, 0700) == 0);
  memset(deep, 'x', sizeof deep);
  deep[sizeof deep - 1] = '\0';
  CHECK(!p2p_control_path(deep, 1, none));
}

TEST(nothing_is_left) {
  CHECK(p2p_loop_call(loop, stop_control, NULL) == P2P_OK);
  CHECK(connect_to(getpid()) < 0);
  p2p_loop_stop(loop);
  CHECK(rmdir(folder) == 0); /* it is empty */
}

UNIT_MAIN("control", UNIT(requests_are_words), UNIT(a_request_has_a_reply_that_is_safe_to_show),
          UNIT(anything_else_is_not_answered), UNIT(many_connections_do_not_keep_it_busy),
          UNIT(sockets_of_dead_workers_are_removed_and_no_others),
          UNIT(a_worker_that_does_not_accept_keeps_nobody_waiting),
          UNIT(others_must_not_enter_the_folder), UNIT(nothing_is_left))
