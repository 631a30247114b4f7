/* Tasks that are checked while they are read, by an evaluator that is this program. The object is a
 * list of raw bytes and a number. */
#include "unit.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

#include "base/endian.h"
#include "r_object_fixture.h"
#include "worker/evaluator_process.h"
#include "worker/task_reader.h"

#define MODE "P2P_TEST_EVALUATOR"

static char program[1024]; /* its path: under valgrind, /proc/self/exe is valgrind */

/* ---- in the evaluator: it reads pieces of this length, and answers with LOST ---- */

static uint8_t *out;
static size_t piece;

static int read_sum(struct p2p_task_reader *reader, uint64_t size, uint32_t *sum,
                    struct p2p_err *err) {
  int code = P2P_OK;
  for (uint64_t at = 0, n; at < size && code == P2P_OK; at += n) {
    n = size - at < piece ? size - at : piece;
    code = p2p_task_reader_read(reader, out, (size_t)n, err);
    for (uint64_t i = 0; i < n && code == P2P_OK; i++) *sum = 31 * *sum + out[i];
  }
  p2p_task_reader_clear(reader);
  return code;
}

/* All parts but the second one, which it has. */
static int read_parts(struct p2p_evaluator_channel *channel, uint32_t *sum, struct p2p_err *err) {
  struct p2p_task_reader reader;
  const struct p2p_task_parts *parts = p2p_evaluator_channel_parts(channel);
  int code = P2P_OK;
  if (parts->n == 0) return P2P_OK;
  if (p2p_evaluator_channel_need(channel, ((1u << parts->n) - 1) & ~2u) != P2P_OK) return 95;
  for (int i; code == P2P_OK && (i = p2p_evaluator_channel_next_part(channel)) >= 0;) {
    *sum = 31 * *sum + (uint32_t)i;
    if (p2p_task_reader_init_part(&reader, channel, parts->list[i].size, err) != P2P_OK) return 92;
    code = read_sum(&reader, parts->list[i].size, sum, err);
    if (code == P2P_OK && !p2p_evaluator_channel_end_part(channel)) return 96;
  }
  return code;
}

static int evaluate(void) {
  struct p2p_evaluator_channel *channel;
  struct p2p_err err = {0};
  uint32_t task;
  uint64_t size;
  int code;
  out = malloc(piece);
  if (p2p_evaluator_channel_open(&channel, &err) != P2P_OK) return 90;
  if (p2p_evaluator_channel_send(channel, P2P_FRAME_HELLO, 0, "r=4.2.2\n", 8) != P2P_OK) return 91;
  while ((code = p2p_evaluator_channel_next(channel, &task, &size, &err)) == P2P_OK) {
    struct p2p_task_reader reader;
    uint32_t sum = 0;
    char text[256];
    code = read_parts(channel, &sum, &err);
    if (code > P2P_OK) return code;
    if (code == P2P_OK) {
      if (p2p_task_reader_init(&reader, channel, size, &err) != P2P_OK) return 92;
      code = read_sum(&reader, size, &sum, &err);
    }
    int begun = p2p_evaluator_channel_begin(channel);
    if (begun == P2P_ERR_CANCELED) continue;
    if (begun != P2P_OK) return 93;
    snprintf(text, sizeof text, "%.200s", err.message);
    if (code == P2P_OK) snprintf(text, sizeof text, "%u", (unsigned)sum);
    if (p2p_evaluator_channel_send(channel, P2P_FRAME_LOST, task, text, strlen(text)) != P2P_OK)
      return 94;
  }
  free(out);
  p2p_evaluator_channel_free(channel);
  return code == P2P_ERR_CLOSED ? 0 : 1;
}

__attribute__((constructor)) static void run_as_evaluator(void) {
  const char *mode = getenv(MODE);
  if (readlink("/proc/self/exe", program, sizeof program - 1) < 0) program[0] = '\0';
  if (mode == NULL) return;
  piece = (size_t)atol(mode);
  exit(evaluate());
}

/* ---- the supervisor's side ---- */

static struct p2p_evaluator_process *process;
static uv_loop_t loop;
static int frames;
static char text[256];
static bool timed_out, ended;
static uint32_t stored; /* the reply to NEED */
static bool is_silent;  /* there is none */

static void on_frame(void *arg, const struct p2p_frame *frame) {
  (void)arg;
  frames++;
  if (frame->type == P2P_FRAME_NEED) {
    uint8_t reply[P2P_NEED_LEN];
    text[0] = '\0';
    CHECK(frame->length == P2P_NEED_LEN && p2p_get_u32(frame->payload) == 5);
    p2p_need_write(stored, reply);
    if (is_silent) return;
    CHECK(p2p_evaluator_process_send(process, P2P_FRAME_NEED, frame->task, reply, sizeof reply) ==
          P2P_OK);
  }
  snprintf(text, sizeof text, "%.*s", (int)frame->length, (const char *)frame->payload);
}
static void on_end(void *arg, int exit_status, int term_signal) {
  (void)arg;
  (void)exit_status;
  (void)term_signal;
  ended = true;
  p2p_evaluator_process_free(process);
  process = NULL;
}
static void on_timeout(uv_timer_t *timer) {
  timed_out = true;
  uv_stop(timer->loop);
}
static void run_until(const int *counter, int enough) {
  uv_timer_t timer;
  uv_timer_init(&loop, &timer);
  uv_timer_start(&timer, on_timeout, 20000, 0);
  while (*counter < enough && !timed_out && !ended) uv_run(&loop, UV_RUN_ONCE);
  CHECK(!timed_out && !ended);
  if (ended) exit(1); /* the rest makes no sense */
  uv_close((uv_handle_t *)&timer, NULL);
  uv_run(&loop, UV_RUN_NOWAIT);
}

static void start(size_t length) {
  char entry[64];
  snprintf(entry, sizeof entry, MODE "=%zu", length);
  const char *const argv[] = {program, NULL}, *const env[] = {entry, NULL};
  const struct p2p_evaluator_process_callbacks callbacks = {on_frame, NULL, on_end};
  const struct p2p_evaluator_process_config config = {.loop = &loop, .argv = argv, .env = env};
  struct p2p_err err;
  signal(SIGPIPE, SIG_IGN);
  frames = 0;
  CHECK(uv_loop_init(&loop) == 0);
  CHECK(p2p_evaluator_process_spawn(&config, &callbacks, NULL, &process, &err) == P2P_OK);
  run_until(&frames, 1);
}
static void stop(void) {
  p2p_evaluator_process_free(process);
  while (uv_run(&loop, UV_RUN_DEFAULT) != 0) continue;
  CHECK(uv_loop_close(&loop) == 0);
  CHECK(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD);
}

static void make_object(int32_t n_raws, int32_t last) {
  begin();
  list_of(2);
  integer(P2P_R_RAWS);
  integer(n_raws);
  for (int32_t i = 0; i < n_raws; i++) bytes((uint8_t[]){(uint8_t)(i * 7)}, 1);
  integer(last);
  integer(1);
  integer(5);
}

static uint32_t sum_of_object(void) {
  uint32_t sum = 0;
  const uint8_t *at;
  for (uint64_t done = 0, n; (n = p2p_blob_span(object, done, &at)) > 0; done += n)
    for (uint64_t i = 0; i < n; i++) sum = 31 * sum + at[i];
  return sum;
}

static void send_header(uint32_t task) {
  uint8_t header[8] = {0};
  p2p_set_u64(header, p2p_blob_size(object));
  CHECK(p2p_evaluator_process_send(process, P2P_FRAME_TASK, task, header, sizeof header) == P2P_OK);
}
/* Sends the object from one offset to another, in frames of this length. */
static void send_object(uint32_t task, uint64_t from, uint64_t to, size_t length) {
  const uint8_t *at;
  for (uint64_t n; from < to; from += n) {
    n = p2p_blob_span(object, from, &at);
    if (n > length) n = length;
    if (n > to - from) n = to - from;
    CHECK(p2p_evaluator_process_send(process, P2P_FRAME_DATA, task, at, (size_t)n) == P2P_OK);
  }
}
static void send_task(uint32_t task, size_t length) {
  send_header(task);
  send_object(task, 0, p2p_blob_size(object), length);
}

TEST(bytes_arrive_whatever_the_lengths_of_frames_and_reads) {
  static const size_t lengths[] = {1, 7, 4095, 4096, 64768, 65536, 1000000};
  char sum[32];
  make_object(300000, P2P_R_INTEGERS);
  snprintf(sum, sizeof sum, "%u", (unsigned)sum_of_object());
  for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
    start(lengths[i]);
    send_task(1, 65536);
    run_until(&frames, 2);
    CHECK_STR(text, sum);
    send_task(2, 5000);
    run_until(&frames, 3);
    CHECK_STR(text, sum);
    send_task(3, 11);
    run_until(&frames, 4);
    CHECK_STR(text, sum);
    stop();
  }
  p2p_blob_free(object);
}

TEST(malformed_task_is_refused_where_it_is_wrong_and_the_next_one_is_read) {
  char sum[32];
  start(10000);
  make_object(300000, 77); /* no such type */
  send_task(1, 65536);
  run_until(&frames, 2);
  CHECK(strstr(text, "malformed: it has an object of unknown type") != NULL);
  p2p_blob_free(object);
  make_object(10, P2P_R_INTEGERS);
  integer(0);
  send_task(2, 65536);
  run_until(&frames, 3);
  CHECK(strstr(text, "malformed: bytes follow it") != NULL);
  p2p_blob_free(object);
  make_object(10, P2P_R_INTEGERS);
  snprintf(sum, sizeof sum, "%u", (unsigned)sum_of_object());
  send_task(3, 65536);
  run_until(&frames, 4);
  CHECK_STR(text, sum);
  p2p_blob_free(object);
  stop();
}

TEST(cancel_in_the_middle_is_answered_at_once_and_the_rest_is_ignored) {
  char sum[32];
  make_object(1000000, P2P_R_INTEGERS);
  snprintf(sum, sizeof sum, "%u", (unsigned)sum_of_object());
  start(64768);
  for (uint32_t task = 1; task < 8; task += 2) {
    uint64_t half = 100000 * task + task; /* also within what is read at once */
    send_header(task);
    send_object(task, 0, half, 65536);
    CHECK(p2p_evaluator_process_send(process, P2P_FRAME_CANCEL, task, NULL, 0) == P2P_OK);
    run_until(&frames, 1 + (int)task);
    CHECK_STR(text, "was interrupted before the evaluation started");
    send_object(task, half, p2p_blob_size(object), 65536); /* was on its way */
    send_task(task + 1, 65536);
    run_until(&frames, 2 + (int)task);
    CHECK_STR(text, sum);
  }
  stop();
  p2p_blob_free(object);
}

/* ---- parts: three, all like the object, of which the evaluator has the second ---- */

static void send_header_with_parts(uint32_t task) {
  uint8_t header[8 + P2P_TASK_PARTS_LEN_MAX];
  struct p2p_task_parts parts = {.n = 3};
  for (uint32_t i = 0; i < parts.n; i++) parts.list[i].size = p2p_blob_size(object);
  p2p_set_u64(header, p2p_blob_size(object));
  size_t length = 8 + p2p_task_parts_write(&parts, header + 8);
  CHECK(p2p_evaluator_process_send(process, P2P_FRAME_TASK, task, header, length) == P2P_OK);
  run_until(&frames, frames + 1); /* NEED */
}

/* Of two parts, which come in this order, and the object. */
static uint32_t sum_of_task(uint32_t first, uint32_t second) {
  uint32_t sum = first;
  const uint8_t *at;
  for (int n = 0; n < 3; n++) {
    if (n == 1) sum = 31 * sum + second;
    for (uint64_t done = 0, k; (k = p2p_blob_span(object, done, &at)) > 0; done += k)
      for (uint64_t i = 0; i < k; i++) sum = 31 * sum + at[i];
  }
  return sum;
}

TEST(parts_that_are_needed_come_before_the_object) {
  static const size_t pieces[] = {7, 4096, 1000000}, lengths[] = {11, 5000, 65536};
  char sum[32];
  make_object(100000, P2P_R_INTEGERS);
  snprintf(sum, sizeof sum, "%u", (unsigned)sum_of_task(0, 2));
  for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
    start(pieces[i]);
    for (size_t k = 0; k < sizeof lengths / sizeof lengths[0]; k++) {
      send_header_with_parts((uint32_t)k + 1);
      for (int n = 0; n < 3; n++)
        send_object((uint32_t)k + 1, 0, p2p_blob_size(object), lengths[k]);
      run_until(&frames, frames + 1);
      CHECK_STR(text, sum);
    }
    stop();
  }
  p2p_blob_free(object);
}

TEST(a_malformed_part_and_a_canceled_one_are_skipped_with_their_task) {
  char sum[32];
  start(4096);
  make_object(100000, P2P_R_SYMBOL); /* no data */
  send_header_with_parts(1);
  for (int n = 0; n < 3; n++) send_object(1, 0, p2p_blob_size(object), 65536);
  run_until(&frames, frames + 1);
  CHECK(text[0] != '\0' && strspn(text, "0123456789") == 0);
  p2p_blob_free(object);
  make_object(100000, P2P_R_INTEGERS);
  snprintf(sum, sizeof sum, "%u", (unsigned)sum_of_task(0, 2));
  send_header_with_parts(2);
  send_object(2, 0, 70000, 65536);
  CHECK(p2p_evaluator_process_send(process, P2P_FRAME_CANCEL, 2, NULL, 0) == P2P_OK);
  run_until(&frames, frames + 1);
  CHECK_STR(text, "was interrupted before the evaluation started");
  send_object(2, 70000, p2p_blob_size(object), 65536); /* was on its way */
  send_header_with_parts(3);
  for (int n = 0; n < 3; n++) send_object(3, 0, p2p_blob_size(object), 65536);
  run_until(&frames, frames + 1);
  CHECK_STR(text, sum);
  stop();
  p2p_blob_free(object);
}

TEST(parts_that_are_stored_come_first) {
  char sum[32];
  make_object(100000, P2P_R_INTEGERS);
  snprintf(sum, sizeof sum, "%u", (unsigned)sum_of_task(2, 0));
  start(4096);
  for (stored = 4; stored <= 5; stored++) {
    send_header_with_parts(stored);
    for (int n = 0; n < 3; n++) send_object(stored, 0, p2p_blob_size(object), 65536);
    run_until(&frames, frames + 1);
    CHECK((strcmp(text, sum) == 0) == (stored == 4)); /* with 5, both are: the first one first */
  }
  stored = 0;
  stop();
  p2p_blob_free(object);
}

TEST(task_can_be_canceled_while_it_waits_for_its_parts) {
  char sum[32];
  make_object(100000, P2P_R_INTEGERS);
  snprintf(sum, sizeof sum, "%u", (unsigned)sum_of_task(0, 2));
  start(4096);
  is_silent = true;
  send_header_with_parts(1);
  is_silent = false;
  CHECK(p2p_evaluator_process_send(process, P2P_FRAME_CANCEL, 1, NULL, 0) == P2P_OK);
  run_until(&frames, frames + 1);
  CHECK_STR(text, "was interrupted before the evaluation started");
  send_header_with_parts(2);
  for (int n = 0; n < 3; n++) send_object(2, 0, p2p_blob_size(object), 65536);
  run_until(&frames, frames + 1);
  CHECK_STR(text, sum);
  stop();
  p2p_blob_free(object);
}

TEST(evaluator_ends_when_the_supervisor_goes_in_the_middle) {
  make_object(1000000, P2P_R_INTEGERS);
  start(64768);
  send_header(1);
  send_object(1, 0, 500000, 65536);
  stop(); /* closes the channel; a process that goes on would be found */
  p2p_blob_free(object);
}

UNIT_MAIN("task_reader", UNIT(bytes_arrive_whatever_the_lengths_of_frames_and_reads),
          UNIT(malformed_task_is_refused_where_it_is_wrong_and_the_next_one_is_read),
          UNIT(cancel_in_the_middle_is_answered_at_once_and_the_rest_is_ignored),
          UNIT(parts_that_are_needed_come_before_the_object),
          UNIT(a_malformed_part_and_a_canceled_one_are_skipped_with_their_task),
          UNIT(parts_that_are_stored_come_first),
          UNIT(task_can_be_canceled_while_it_waits_for_its_parts),
          UNIT(evaluator_ends_when_the_supervisor_goes_in_the_middle))
