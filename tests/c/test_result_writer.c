/* Results that are sent while they are serialized: by a fork, over a socket as an evaluator's. */
#include "worker/result_writer.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/endian.h"
#include "unit.h"
#include "worker/evaluator_process.h"

#define LARGE 1000000

static uint8_t object[LARGE + 100], got[LARGE + 100];

/* What the parent has read. */
static struct {
  uint64_t size, length;
  int frames, results, losts, status;
  char lost[64];
} seen;

/* In the fork: puts `first`, then `second` bytes, in pieces of these lengths, in turn. */
static int write_result(size_t first, size_t second, size_t piece, size_t other_piece) {
  static struct p2p_result_writer writer;
  struct p2p_evaluator_channel *channel;
  struct p2p_err err;
  bool again = true;
  int code = P2P_OK;
  if (p2p_evaluator_channel_open(&channel, &err) != P2P_OK) return 90;
  p2p_result_writer_init(&writer, channel, 7);
  for (size_t length = first; again && code == P2P_OK; length = second) {
    for (size_t at = 0, turn = 0, n; at < length && code == P2P_OK; at += n, turn++) {
      n = turn % 2 == 0 ? piece : other_piece;
      if (n > length - at) n = length - at;
      code = p2p_result_writer_put(&writer, object + at, n);
    }
    if (code == P2P_OK) code = p2p_result_writer_end(&writer, &again);
  }
  if (code == P2P_ERR_INVALID && p2p_evaluator_channel_has_result(channel))
    code = p2p_evaluator_channel_send(channel, P2P_FRAME_LOST, 7, "changed", 7);
  p2p_evaluator_channel_free(channel);
  return code == P2P_OK ? 0 : 91;
}

static void read_all(int fd, void *out, size_t length) {
  for (uint8_t *to = out; length > 0;) {
    ssize_t n = read(fd, to, length);
    if (n <= 0) return;
    to += n;
    length -= (size_t)n;
  }
}

static void read_frames(int fd) {
  uint8_t header[P2P_FRAME_HEADER_LEN], size[8];
  struct p2p_frame frame;
  while (read(fd, header, 1) == 1) {
    read_all(fd, header + 1, sizeof header - 1);
    CHECK(p2p_frame_read_header(header, &frame) == P2P_OK && frame.task == 7);
    seen.frames++;
    if (frame.type == P2P_FRAME_RESULT) {
      seen.results++;
      read_all(fd, size, sizeof size);
      seen.size = p2p_get_u64(size);
    } else if (frame.type == P2P_FRAME_DATA) {
      CHECK(seen.length + frame.length <= sizeof got);
      read_all(fd, got + seen.length, frame.length);
      seen.length += frame.length;
    } else {
      seen.losts++;
      read_all(fd, seen.lost, frame.length);
    }
  }
}

static void run(size_t first, size_t second, size_t piece, size_t other_piece) {
  int frames[2], lifeline[2];
  memset(&seen, 0, sizeof seen);
  CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, frames) == 0);
  CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, lifeline) == 0);
  pid_t pid = fork();
  if (pid == 0) {
    setpgid(0, 0);
    int ends[2] = {dup(frames[1]), dup(lifeline[1])}; /* above 4 */
    close(frames[0]);
    dup2(ends[0], P2P_EVALUATOR_PROCESS_FD_FRAMES);
    dup2(ends[1], P2P_EVALUATOR_PROCESS_FD_LIFELINE);
    for (int fd = 5; fd < 64; fd++)
      if (fd != lifeline[0]) close(fd);
    exit(write_result(first, second, piece, other_piece));
  }
  close(frames[1]);
  close(lifeline[1]);
  read_frames(frames[0]);
  CHECK(waitpid(pid, &seen.status, 0) == pid);
  close(frames[0]);
  close(lifeline[0]);
}

static void check_whole(size_t length) {
  CHECK(seen.status == 0 && seen.results == 1 && seen.losts == 0);
  CHECK(seen.size == length && seen.length == length && memcmp(got, object, length) == 0);
}

TEST(results_arrive_whatever_the_lengths_of_their_pieces) {
  for (size_t i = 0; i < sizeof object; i++) object[i] = (uint8_t)(i * i >> 3);
  run(100, 100, 4, 1);
  check_whole(100);
  CHECK(seen.frames == 2);
  run(65536, 65536, 4, 5000);
  check_whole(65536);
  CHECK(seen.frames == 2);
  run(65537, 65537, 65537, 1);
  check_whole(65537);
  run(LARGE, LARGE, 64768, 8);
  check_whole(LARGE);
  run(LARGE, LARGE, LARGE, 1);
  check_whole(LARGE);
  run(LARGE, LARGE, 16383, 16384);
  check_whole(LARGE);
  run(LARGE, LARGE, 3, 65535);
  check_whole(LARGE);
}

TEST(result_that_changes_is_abandoned_and_never_longer_than_announced) {
  static const size_t seconds[] = {LARGE - 1, LARGE + 1, 10, 0, LARGE + 100};
  for (size_t i = 0; i < sizeof seconds / sizeof seconds[0]; i++) {
    run(LARGE, seconds[i], 64768, 8);
    CHECK(seen.status == 0 && seen.results == 1 && seen.losts == 1);
    CHECK(seen.size == LARGE && seen.length <= LARGE);
    CHECK_STR(seen.lost, "changed");
  }
}

UNIT_MAIN("result_writer", UNIT(results_arrive_whatever_the_lengths_of_their_pieces),
          UNIT(result_that_changes_is_abandoned_and_never_longer_than_announced))
