/* File transfers between two ends in one process, over our mailbox and relay. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* RTLD_NEXT */
#endif
#include "transfer/transfer.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto/random.h"
#include "descriptors.h"
#include "mailbox_fixture.h"

#define PATIENCE_MS 20000

struct pair {
  struct lab lab;
  struct p2p_transfer_config send, receive;
  struct p2p_transfer *sender, *receiver;
  struct p2p_transfer_status sent, received;
  char folder[64], from[96], to[96];
};

static void pair_init(struct pair *pair, const char *code) {
  memset(pair, 0, sizeof *pair);
  lab_open(&pair->lab);
  snprintf(pair->folder, sizeof pair->folder, "%s/p2p-transfer-XXXXXX", "/tmp");
  CHECK(mkdtemp(pair->folder) != NULL);
  snprintf(pair->from, sizeof pair->from, "%s/from", pair->folder);
  snprintf(pair->to, sizeof pair->to, "%s/to", pair->folder);
  pair->send = pair->receive = (struct p2p_transfer_config){.loop = pair->lab.loop,
                                                            .mailbox = pair->lab.mailbox,
                                                            .relay = pair->lab.relay,
                                                            .code = code,
                                                            .timeout_ms = PATIENCE_MS};
  pair->receive.path = pair->to;
}

static void write_random(const char *path, size_t length) {
  uint8_t *bytes = malloc(length + 1);
  FILE *file = fopen(path, "wb");
  p2p_random_bytes(bytes, length);
  CHECK(file != NULL && fwrite(bytes, 1, length, file) == length && fclose(file) == 0);
  free(bytes);
}

static uint8_t *read_all(const char *path, size_t *length) {
  struct stat info;
  *length = 0;
  if (stat(path, &info) != 0) return NULL;
  uint8_t *bytes = malloc((size_t)info.st_size + 1);
  FILE *file = fopen(path, "rb");
  *length = fread(bytes, 1, (size_t)info.st_size, file);
  fclose(file);
  return bytes;
}

static bool is_same(const char *a, const char *b) {
  size_t a_length, b_length;
  uint8_t *a_bytes = read_all(a, &a_length), *b_bytes = read_all(b, &b_length);
  bool same = a_bytes != NULL && b_bytes != NULL && a_length == b_length &&
              memcmp(a_bytes, b_bytes, a_length) == 0;
  free(a_bytes);
  free(b_bytes);
  return same;
}

/* Waits until the transfer is in `state` or over. */
static bool reaches(struct p2p_transfer *transfer, enum p2p_transfer_state state,
                    struct p2p_transfer_status *out) {
  uint64_t seen = 0;
  for (int i = 0; i < 100000; i++) {
    p2p_transfer_status(transfer, out);
    if (out->state == state) return true;
    if (out->state >= P2P_TRANSFER_DONE) {
      fprintf(stderr, "(ended: %s)\n", out->err.message);
      return false;
    }
    uint64_t now = p2p_transfer_wait(transfer, seen, PATIENCE_MS);
    if (now == seen) return false;
    seen = now;
  }
  return false;
}

static void pair_run(struct pair *pair) {
  CHECK(p2p_transfer_new(&pair->send, &pair->sender, NULL) == P2P_OK);
  if (pair->send.code == NULL) {
    CHECK(reaches(pair->sender, P2P_TRANSFER_WAITING, &pair->sent));
    pair->receive.code = pair->sent.code;
  }
  CHECK(p2p_transfer_new(&pair->receive, &pair->receiver, NULL) == P2P_OK);
}

static void pair_close(struct pair *pair) {
  char command[128];
  p2p_transfer_free(pair->sender);
  p2p_transfer_free(pair->receiver);
  snprintf(command, sizeof command, "rm -rf %s", pair->folder);
  CHECK(system(command) == 0);
  lab_close(&pair->lab);
}

static void transfer_file(size_t length, bool by_relay) {
  static struct pair pair;
  pair_init(&pair, by_relay ? "7-by-relay" : NULL);
  write_random(pair.from, length);
  pair.send.file = pair.from;
  pair.send.no_direct = pair.receive.no_direct = by_relay;
  pair_run(&pair);
  CHECK(reaches(pair.receiver, P2P_TRANSFER_DONE, &pair.received));
  CHECK(reaches(pair.sender, P2P_TRANSFER_DONE, &pair.sent));
  CHECK_STR(pair.received.name, "from");
  CHECK(pair.received.size_bytes == length && pair.received.moved_bytes == length &&
        pair.sent.moved_bytes == length);
  CHECK(strncmp(pair.received.route, by_relay ? "relay " : "direct ", 6) == 0);
  CHECK_STR(pair.sent.verifier, pair.received.verifier);
  CHECK(is_same(pair.from, pair.to));
  CHECK_STR(pair.received.path, pair.to);
  CHECK(count_files(pair.folder) == 2);
  pair_close(&pair);
}

TEST(an_empty_file_passes) { transfer_file(0, false); }
TEST(one_byte_passes) { transfer_file(1, false); }
TEST(a_file_of_many_batches_passes) { transfer_file(20 * 1024 * 1024 + 17, false); }
TEST(a_file_passes_through_the_relay) { transfer_file(3 * 1024 * 1024, true); }

TEST(bytes_pass) {
  static struct pair pair;
  uint8_t bytes[100000];
  size_t length;
  p2p_random_bytes(bytes, sizeof bytes);
  pair_init(&pair, NULL);
  pair.send.bytes = bytes;
  pair.send.length = sizeof bytes;
  pair.send.name = "some bytes.raw";
  pair_run(&pair);
  CHECK(reaches(pair.receiver, P2P_TRANSFER_DONE, &pair.received));
  CHECK_STR(pair.received.name, "some bytes.raw");
  uint8_t *got = read_all(pair.to, &length);
  CHECK(length == sizeof bytes && memcmp(got, bytes, length) == 0);
  free(got);
  pair_close(&pair);
}

TEST(a_text_passes) {
  static struct pair pair;
  size_t length;
  pair_init(&pair, "8-a-text");
  pair.send.text = "H\xc3\xa9llo \"there\"\n";
  pair_run(&pair);
  CHECK(reaches(pair.receiver, P2P_TRANSFER_DONE, &pair.received));
  CHECK(reaches(pair.sender, P2P_TRANSFER_DONE, &pair.sent));
  CHECK(pair.received.is_text);
  CHECK_STR(p2p_transfer_text(pair.receiver, &length), pair.send.text);
  CHECK(length == strlen(pair.send.text));
  CHECK(p2p_transfer_text(pair.sender, &length) == NULL);
  CHECK(count_files(pair.folder) == 0);
  pair_close(&pair);
}

TEST(a_file_in_a_directory_gets_the_senders_name_for_it) {
  static const char *const NAMES[][2] = {{"results.rds", "results.rds"},
                                         {"results.rds", "results (1).rds"},
                                         {"../../x", "x"},
                                         {".bashrc", "_bashrc"},
                                         {"-rf", "_rf"},
                                         {"..", "file"},
                                         {"a\nb", "a_b"},
                                         {"/etc/passwd", "passwd"}};
  for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++) {
    static struct pair pair;
    char folder[64], expected[128], earlier[128];
    pair_init(&pair, "7-named");
    snprintf(folder, sizeof folder, "%s", pair.folder);
    snprintf(expected, sizeof expected, "%s/%s", folder, NAMES[i][1]);
    snprintf(earlier, sizeof earlier, "%s/results.rds", folder);
    if (i == 1) write_random(earlier, 3);
    pair.send.bytes = "hello";
    pair.send.length = 5;
    pair.send.name = NAMES[i][0];
    pair.receive.path = folder;
    pair.receive.path_is_directory = true;
    pair_run(&pair);
    CHECK(reaches(pair.receiver, P2P_TRANSFER_DONE, &pair.received));
    CHECK_STR(pair.received.path, expected);
    CHECK(access(expected, F_OK) == 0 && count_files(folder) == (i == 1 ? 2 : 1));
    pair_close(&pair);
  }
}

TEST(a_receiver_without_a_path_takes_a_text_only) {
  static struct pair pair;
  size_t length;
  pair_init(&pair, "8-text");
  pair.receive.path = NULL;
  pair.send.text = "hello";
  pair_run(&pair);
  CHECK(reaches(pair.receiver, P2P_TRANSFER_DONE, &pair.received));
  CHECK_STR(p2p_transfer_text(pair.receiver, &length), "hello");
  pair_close(&pair);
  pair_init(&pair, "8-file");
  pair.receive.path = NULL;
  pair.send.bytes = "hello";
  pair.send.length = 5;
  pair.send.name = "name";
  pair_run(&pair);
  CHECK(reaches(pair.receiver, P2P_TRANSFER_FAILED, &pair.received));
  CHECK_STR(pair.received.err.reason, "file_offered");
  CHECK(reaches(pair.sender, P2P_TRANSFER_FAILED, &pair.sent));
  pair_close(&pair);
}

TEST(a_wrong_code_fails_on_both_sides_and_leaves_nothing) {
  static struct pair pair;
  pair_init(&pair, "9-right");
  write_random(pair.from, 1000);
  pair.send.file = pair.from;
  pair.receive.code = "9-wrong";
  pair_run(&pair);
  CHECK(reaches(pair.receiver, P2P_TRANSFER_FAILED, &pair.received) &&
        pair.received.err.code == P2P_ERR_CRYPTO);
  CHECK(reaches(pair.sender, P2P_TRANSFER_FAILED, &pair.sent) &&
        pair.sent.err.code == P2P_ERR_CRYPTO);
  CHECK(count_files(pair.folder) == 1);
  pair_close(&pair);
}

TEST(nothing_is_sent_before_the_verifiers_are_confirmed) {
  static struct pair pair;
  pair_init(&pair, "10-verify");
  write_random(pair.from, 1000);
  pair.send.file = pair.from;
  pair.send.must_confirm = pair.receive.must_confirm = true;
  pair_run(&pair);
  CHECK(reaches(pair.sender, P2P_TRANSFER_CONFIRMING, &pair.sent));
  CHECK(reaches(pair.receiver, P2P_TRANSFER_CONFIRMING, &pair.received));
  CHECK(strlen(pair.sent.verifier) == 64);
  CHECK_STR(pair.sent.verifier, pair.received.verifier);
  p2p_transfer_confirm(pair.sender, true);
  p2p_transfer_confirm(pair.receiver, true);
  CHECK(reaches(pair.receiver, P2P_TRANSFER_DONE, &pair.received));
  CHECK(is_same(pair.from, pair.to));
  pair_close(&pair);
}

TEST(a_different_verifier_ends_the_transfer) {
  static struct pair pair;
  pair_init(&pair, "11-verify");
  pair.send.text = "secret";
  pair.send.must_confirm = true;
  pair_run(&pair);
  CHECK(reaches(pair.sender, P2P_TRANSFER_CONFIRMING, &pair.sent));
  p2p_transfer_confirm(pair.sender, false);
  CHECK(reaches(pair.sender, P2P_TRANSFER_FAILED, &pair.sent) &&
        pair.sent.err.code == P2P_ERR_CANCELED);
  CHECK(reaches(pair.receiver, P2P_TRANSFER_FAILED, &pair.received) &&
        pair.received.err.code == P2P_ERR_CANCELED);
  CHECK(strstr(pair.received.err.message, "transfer canceled") != NULL);
  pair_close(&pair);
}

TEST(canceling_leaves_no_file_and_ends_the_other_side) {
  static struct pair pair;
  uint64_t seen = 0;
  pair_init(&pair, "12-cancel");
  write_random(pair.from, 64 * 1024 * 1024);
  pair.send.file = pair.from;
  pair_run(&pair);
  do {
    seen = p2p_transfer_wait(pair.receiver, seen, PATIENCE_MS);
    p2p_transfer_status(pair.receiver, &pair.received);
  } while (pair.received.moved_bytes < 1000000 && pair.received.state < P2P_TRANSFER_DONE);
  p2p_transfer_free(pair.receiver);
  pair.receiver = NULL;
  CHECK(count_files(pair.folder) == 1);
  CHECK(reaches(pair.sender, P2P_TRANSFER_FAILED, &pair.sent));
  pair_close(&pair);
}

TEST(a_missing_receiver_is_named) {
  static struct pair pair;
  pair_init(&pair, NULL);
  pair.send.text = "hello";
  pair.send.timeout_ms = 300;
  CHECK(p2p_transfer_new(&pair.send, &pair.sender, NULL) == P2P_OK);
  CHECK(reaches(pair.sender, P2P_TRANSFER_FAILED, &pair.sent) &&
        pair.sent.err.code == P2P_ERR_TIMEOUT);
  CHECK(strstr(pair.sent.err.message, "the receiver did not join mailbox ws://") != NULL);
  CHECK_STR(pair.sent.err.reason, "no_receiver");
  pair_close(&pair);
}

TEST(two_senders_and_an_existing_file_are_errors) {
  static struct pair pair;
  pair_init(&pair, "13-both");
  pair.send.text = pair.receive.text = "hello";
  pair_run(&pair);
  CHECK(reaches(pair.sender, P2P_TRANSFER_FAILED, &pair.sent));
  CHECK(strstr(pair.sent.err.message, "both sides want to send") != NULL ||
        pair.sent.err.code == P2P_ERR_CANCELED);
  pair_close(&pair);

  pair_init(&pair, "14-exists");
  write_random(pair.from, 1000);
  write_random(pair.to, 10);
  pair.send.file = pair.from;
  pair_run(&pair);
  CHECK(reaches(pair.receiver, P2P_TRANSFER_FAILED, &pair.received) &&
        pair.received.err.code == P2P_ERR_SYSTEM);
  CHECK(reaches(pair.sender, P2P_TRANSFER_FAILED, &pair.sent) &&
        pair.sent.err.code == P2P_ERR_CANCELED);
  CHECK(count_files(pair.folder) == 2);
  pair_close(&pair);
}

TEST(bad_arguments_are_refused_at_once) {
  static struct pair pair;
  struct p2p_err err;
  pair_init(&pair, "15-bad");
  pair.send.file = "/nonexistent/file";
  CHECK(p2p_transfer_new(&pair.send, &pair.sender, &err) == P2P_ERR_SYSTEM &&
        strstr(err.message, "/nonexistent/file") != NULL);
  pair.send.file = NULL;
  pair.send.text = "caf\xe9";
  CHECK(p2p_transfer_new(&pair.send, &pair.sender, &err) == P2P_ERR_INVALID &&
        strstr(err.message, "UTF-8") != NULL);
  pair.send.text = NULL;
  pair.send.file = "/tmp";
  CHECK(p2p_transfer_new(&pair.send, &pair.sender, &err) == P2P_ERR_SYSTEM &&
        strstr(err.message, "directory") != NULL);
  pair.receive.code = "no code";
  CHECK(p2p_transfer_new(&pair.receive, &pair.receiver, &err) == P2P_ERR_INVALID);
  pair.receive.code = "7-x";
  pair.receive.mailbox = "http://x";
  CHECK(p2p_transfer_new(&pair.receive, &pair.receiver, &err) == P2P_ERR_PARSE);
  pair_close(&pair);
}

/* Replaces that of the C library, for the core too. */
static bool mutexes_fail;

int pthread_mutex_init(pthread_mutex_t *mutex, const pthread_mutexattr_t *attributes) {
  int (*original)(pthread_mutex_t *, const pthread_mutexattr_t *) = NULL;
  if (mutexes_fail) return EAGAIN;
  *(void **)&original = dlsym(RTLD_NEXT, "pthread_mutex_init");
  return original(mutex, attributes);
}

TEST(a_mutex_that_cannot_be_created_is_an_error) {
  static struct pair pair;
  struct p2p_err err;
  int before;
  pair_init(&pair, "16-mutex");
  write_random(pair.from, 10);
  pair.send.file = pair.from;
  before = count_descriptors();
  mutexes_fail = true;
  CHECK(p2p_transfer_new(&pair.send, &pair.sender, &err) == P2P_ERR_SYSTEM);
  mutexes_fail = false;
  CHECK(strstr(err.message, "mutex") != NULL);
  CHECK(pair.sender == NULL);
  CHECK(count_descriptors() == before); /* the file is closed again */
  pair_close(&pair);
}

UNIT_MAIN("transfer", UNIT(an_empty_file_passes), UNIT(one_byte_passes),
          UNIT(a_file_of_many_batches_passes), UNIT(a_file_passes_through_the_relay),
          UNIT(bytes_pass), UNIT(a_text_passes),
          UNIT(a_file_in_a_directory_gets_the_senders_name_for_it),
          UNIT(a_receiver_without_a_path_takes_a_text_only),
          UNIT(a_wrong_code_fails_on_both_sides_and_leaves_nothing),
          UNIT(nothing_is_sent_before_the_verifiers_are_confirmed),
          UNIT(a_different_verifier_ends_the_transfer),
          UNIT(canceling_leaves_no_file_and_ends_the_other_side), UNIT(a_missing_receiver_is_named),
          UNIT(two_senders_and_an_existing_file_are_errors),
          UNIT(bad_arguments_are_refused_at_once), UNIT(a_mutex_that_cannot_be_created_is_an_error))
