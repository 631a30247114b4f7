/* Recorders: what a process counts reaches the file of the account, once, whatever fails. */
#include "ledger/recorder.h"

#include <sys/wait.h>

#include "base/clock.h"
#include "ledger/recording.h"
#include "ledger_fixture.h"

static const struct p2p_ledger_counts one = {1, 0, 500, 10, 20};

static struct p2p_ledger_key key_of(const char *member) {
  struct p2p_ledger_key key;
  CHECK(p2p_ledger_key_set(&key, P2P_LEDGER_GIVEN, "alice/friends", member));
  return key;
}

static void count(struct p2p_recorder *recorder, const char *member) {
  struct p2p_ledger_key key = key_of(member);
  p2p_recorder_add(recorder, &key, &one);
}

static uint64_t sum_of_session(struct p2p_recorder *recorder) {
  struct p2p_ledger ledger = {0};
  CHECK(p2p_recorder_session(recorder, &ledger) == P2P_OK);
  uint64_t n = sum(&ledger);
  p2p_ledger_clear(&ledger);
  return n;
}

/* Puts a file in the place of the folder. */
static void block_folder(void) {
  int fd = open(key_folder, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  CHECK(fd >= 0);
  close(fd);
}

TEST(each_count_is_written_once) {
  key_folder_make();
  struct p2p_recorder *recorder = p2p_recorder_new(key_folder);
  CHECK(!p2p_recorder_is_due(recorder) && p2p_recorder_write(recorder, &err) == P2P_OK);
  CHECK(access(key_folder, F_OK) != 0); /* nothing to write makes nothing */
  count(recorder, "bob@desk:1");
  count(recorder, "carol@desk:1");
  CHECK(p2p_recorder_is_due(recorder) && sum_of_file() == 0);
  CHECK(p2p_recorder_write(recorder, &err) == P2P_OK && sum_of_file() == 2);
  CHECK(!p2p_recorder_is_due(recorder) && p2p_recorder_write(recorder, &err) == P2P_OK);
  count(recorder, "bob@desk:1");
  CHECK(p2p_recorder_write(recorder, &err) == P2P_OK && sum_of_file() == 3);
  CHECK(sum_of_session(recorder) == 3);
  p2p_recorder_free(recorder);
  key_folder_remove();
}

TEST(what_cannot_be_written_stays_due) {
  key_folder_make();
  struct p2p_recorder *recorder = p2p_recorder_new(key_folder);
  block_folder();
  count(recorder, "bob@desk:1");
  CHECK(p2p_recorder_write(recorder, &err) == P2P_ERR_SYSTEM && p2p_recorder_is_due(recorder));
  count(recorder, "bob@desk:1");
  CHECK(unlink(key_folder) == 0);
  CHECK(p2p_recorder_write(recorder, &err) == P2P_OK && sum_of_file() == 2);
  p2p_recorder_free(recorder);
  key_folder_remove();
}

TEST(without_a_folder_it_only_counts_for_this_process) {
  struct p2p_recorder *recorder = p2p_recorder_new(NULL);
  count(recorder, "bob@desk:1");
  CHECK(!p2p_recorder_is_due(recorder) && sum_of_session(recorder) == 1);
  CHECK(p2p_recorder_write(recorder, &err) == P2P_OK);
  CHECK(p2p_recorder_ref(recorder) == recorder);
  p2p_recorder_free(recorder);
  CHECK(sum_of_session(recorder) == 1);
  p2p_recorder_free(recorder);
  p2p_recorder_free(NULL);
}

TEST(a_fork_does_not_write_what_its_parent_will) {
  key_folder_make();
  struct p2p_recorder *recorder = p2p_recorder_new(key_folder);
  count(recorder, "bob@desk:1");
  pid_t child = fork();
  if (child == 0) _exit(p2p_recorder_write(recorder, &err) != P2P_OK);
  int status = -1;
  CHECK(waitpid(child, &status, 0) == child && status == 0 && sum_of_file() == 0);
  CHECK(p2p_recorder_write(recorder, &err) == P2P_OK && sum_of_file() == 1);
  p2p_recorder_free(recorder);
  key_folder_remove();
}

/* ---- on the io thread ---- */

static struct p2p_loop *loop;
static struct p2p_log_queue *log_queue;
static struct p2p_recorder *shared;
static struct p2p_recording *recording;

static void begin(void *arg) { recording = p2p_recording_new(loop, log_queue, arg); }
static void record(void *member) {
  p2p_recording_add(recording, P2P_LEDGER_GIVEN, "alice/friends", member, &one);
}
static void finish(void *arg) {
  (void)arg;
  p2p_recording_free(recording);
}

static void call(void (*fn)(void *arg), void *arg) {
  CHECK(p2p_loop_call(loop, fn, arg) == P2P_OK);
}

static void open_recording(void) {
  key_folder_make();
  CHECK(p2p_loop_start(&loop, &err) == P2P_OK);
  log_queue = p2p_log_queue_new(10);
  shared = p2p_recorder_new(key_folder);
  call(begin, shared);
}

static void close_recording(void) {
  call(finish, NULL);
  CHECK(p2p_loop_stop(loop));
  p2p_recorder_free(shared);
  p2p_log_queue_unref(log_queue);
  key_folder_remove();
}

TEST(a_recording_writes_by_itself) {
  open_recording();
  call(record, "bob@desk:1");
  call(record, "not a member");
  uint64_t deadline_ms = p2p_clock_ms() + 60000;
  while (sum_of_file() == 0 && p2p_clock_ms() < deadline_ms) usleep(10000);
  CHECK(sum_of_file() == 1);
  call(record, "bob@desk:1");
  close_recording();
}

TEST(a_recording_that_ends_leaves_what_is_due_to_its_recorder) {
  open_recording();
  call(record, "bob@desk:1");
  call(finish, NULL);
  CHECK(p2p_recorder_is_due(shared) && p2p_recorder_write(shared, &err) == P2P_OK);
  CHECK(sum_of_file() == 1);
  call(begin, NULL); /* no recorder: nothing is recorded */
  CHECK(recording == NULL);
  call(record, "bob@desk:1");
  close_recording();
}

TEST(a_folder_that_cannot_be_made_is_one_warning) {
  struct p2p_log_line line;
  open_recording();
  block_folder();
  call(record, "bob@desk:1");
  CHECK(p2p_log_queue_next(log_queue, 60000, &line) && line.level == P2P_LOG_WARN);
  CHECK(strstr(line.text, "contributions are not recorded: cannot ") == line.text);
  call(record, "bob@desk:1");
  CHECK(!p2p_log_queue_next(log_queue, 0, &line));
  close_recording();
}

UNIT_MAIN("recorder", UNIT(each_count_is_written_once), UNIT(what_cannot_be_written_stays_due),
          UNIT(without_a_folder_it_only_counts_for_this_process),
          UNIT(a_fork_does_not_write_what_its_parent_will), UNIT(a_recording_writes_by_itself),
          UNIT(a_recording_that_ends_leaves_what_is_due_to_its_recorder),
          UNIT(a_folder_that_cannot_be_made_is_one_warning))
