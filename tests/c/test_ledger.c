/* The ledger: counts of users and machines, their limit, their text and their file. */
#include "ledger/ledger.h"

#include <sys/file.h>
#include <sys/wait.h>

#include "ledger/ledger_text.h"
#include "ledger_fixture.h"

#define CLUSTER "alice/friends"

static struct p2p_ledger_entry entry(enum p2p_ledger_side side, const char *member, uint64_t n,
                                     uint64_t at_s) {
  struct p2p_ledger_entry out = {
      .counts = {n, 1, 1000 * n, 10 * n, 20 * n}, .since_s = at_s, .latest_s = at_s};
  CHECK(p2p_ledger_key_set(&out.key, side, CLUSTER, member));
  return out;
}

static void add(struct p2p_ledger *ledger, const char *member, uint64_t n, uint64_t at_s) {
  struct p2p_ledger_entry more = entry(P2P_LEDGER_GIVEN, member, n, at_s);
  CHECK(p2p_ledger_add(ledger, &more) == P2P_OK);
}

TEST(members_are_counted_by_user_and_machine) {
  struct p2p_ledger ledger = {0};
  add(&ledger, "bob@laptop:99", 1, 50);
  add(&ledger, "bob@laptop:100#1f3a", 2, 40);
  add(&ledger, "bob@desk:1", 4, 60);
  struct p2p_ledger_entry other = entry(P2P_LEDGER_RECEIVED, "bob@laptop:9", 8, 70);
  CHECK(p2p_ledger_add(&ledger, &other) == P2P_OK);
  CHECK(ledger.n == 3);
  const struct p2p_ledger_entry *laptop = &ledger.entries[1];
  CHECK_STR(ledger.entries[0].key.machine, "desk");
  CHECK_STR(laptop->key.user, "bob");
  CHECK_STR(laptop->key.machine, "laptop");
  CHECK_STR(laptop->key.cluster, CLUSTER);
  CHECK(laptop->counts.futures == 3 && laptop->counts.failed == 2 && laptop->counts.ms == 3000 &&
        laptop->counts.bytes_in == 30 && laptop->counts.bytes_out == 60);
  CHECK(laptop->since_s == 40 && laptop->latest_s == 50);
  CHECK(ledger.entries[2].key.side == P2P_LEDGER_RECEIVED && ledger.entries[2].counts.futures == 8);
  p2p_ledger_clear(&ledger);
  CHECK(ledger.n == 0);
}

TEST(names_that_are_not_valid_are_not_counted) {
  static const char *const members[] = {"",          "bob",        "@desk:1",       "bob@:1",
                                        "bob@a b:1", "b/b@desk:1", "bob@\033[1m:1", "-b@desk:1"};
  static const char *const clusters[] = {"", "friends", "/friends", "alice/", "a b/c", "a/b/c"};
  struct p2p_ledger_key key;
  char huge[1000];
  for (size_t i = 0; i < sizeof members / sizeof members[0]; i++)
    CHECK(!p2p_ledger_key_set(&key, P2P_LEDGER_GIVEN, CLUSTER, members[i]));
  for (size_t i = 0; i < sizeof clusters / sizeof clusters[0]; i++)
    CHECK(!p2p_ledger_key_set(&key, P2P_LEDGER_GIVEN, clusters[i], "bob@desk:1"));
  memset(huge, 'x', sizeof huge);
  huge[sizeof huge - 1] = '\0';
  CHECK(!p2p_ledger_key_set(&key, P2P_LEDGER_GIVEN, CLUSTER, huge));
  CHECK(!p2p_ledger_key_set(&key, P2P_LEDGER_GIVEN, huge, "bob@desk:1"));
  huge[3] = '@';
  CHECK(!p2p_ledger_key_set(&key, P2P_LEDGER_GIVEN, CLUSTER, huge));
}

TEST(counts_do_not_wrap_around) {
  struct p2p_ledger ledger = {0};
  add(&ledger, "bob@desk:1", P2P_LEDGER_COUNT_MAX - 1, 1);
  add(&ledger, "bob@desk:1", 7, 1);
  CHECK(ledger.entries[0].counts.futures == P2P_LEDGER_COUNT_MAX);
  p2p_ledger_clear(&ledger);
}

TEST(a_user_with_many_machines_pushes_out_no_other_user) {
  struct p2p_ledger ledger = {0};
  char member[64];
  add(&ledger, "bob@laptop:1", 5, 1); /* used longest ago */
  for (unsigned i = 0; i < 3 * P2P_LEDGER_MAX; i++) {
    snprintf(member, sizeof member, "mallory@vm%u:1", i);
    add(&ledger, member, 1, 100 + i);
  }
  CHECK(ledger.n <= P2P_LEDGER_MAX && sum(&ledger) == 5 + 3 * P2P_LEDGER_MAX);
  CHECK_STR(ledger.entries[0].key.user, "bob");
  CHECK(ledger.entries[0].counts.futures == 5);
  CHECK_STR(ledger.entries[1].key.user, "mallory");
  CHECK_STR(ledger.entries[1].key.machine, ""); /* those used longest ago, together */
  CHECK(ledger.entries[1].counts.futures > 2 * P2P_LEDGER_MAX);
  add(&ledger, "carol@desk:1", 1, 9999);
  CHECK(ledger.n <= P2P_LEDGER_MAX && sum(&ledger) == 6 + 3 * P2P_LEDGER_MAX);
  p2p_ledger_clear(&ledger);
}

TEST(of_many_users_those_used_longest_ago_are_counted_together) {
  struct p2p_ledger ledger = {0};
  char member[64];
  for (unsigned i = 0; i < P2P_LEDGER_MAX + 100; i++) {
    snprintf(member, sizeof member, "u%u@vm:1", i);
    add(&ledger, member, 1, 100 + i);
  }
  CHECK(ledger.n <= P2P_LEDGER_MAX && sum(&ledger) == P2P_LEDGER_MAX + 100);
  CHECK_STR(ledger.entries[0].key.user, "");
  CHECK(ledger.entries[0].counts.futures == 101);
  CHECK(ledger.entries[0].since_s == 100);
  p2p_ledger_clear(&ledger);
}

TEST(a_cluster_can_be_forgotten) {
  struct p2p_ledger ledger = {0};
  struct p2p_ledger_entry other = entry(P2P_LEDGER_GIVEN, "bob@desk:1", 2, 1);
  add(&ledger, "bob@desk:1", 1, 1);
  add(&ledger, "carol@desk:1", 1, 1);
  CHECK(p2p_ledger_key_set(&other.key, P2P_LEDGER_GIVEN, "dave/lab", "bob@desk:1"));
  CHECK(p2p_ledger_add(&ledger, &other) == P2P_OK);
  p2p_ledger_forget(&ledger, CLUSTER);
  CHECK(ledger.n == 1);
  CHECK_STR(ledger.entries[0].key.cluster, "dave/lab");
  p2p_ledger_clear(&ledger);
}

/* ---- the text ---- */

static int read_text(const char *text, size_t length, struct p2p_ledger *out) {
  struct p2p_buf buf;
  p2p_buf_init(&buf, P2P_LEDGER_TEXT_MAX);
  CHECK(p2p_buf_put(&buf, text, length) == P2P_OK);
  int code = p2p_ledger_text_read(&buf, out);
  p2p_buf_clear(&buf);
  return code;
}

static void refuse(const char *text) {
  struct p2p_ledger ledger = {0};
  CHECK(read_text(text, strlen(text), &ledger) == P2P_ERR_PARSE && ledger.n == 0);
}

#define HEAD "future.p2p contributions 1\n"
#define GIVEN "given=bob laptop alice/friends 3 2 3000 30 60 40 50\n"
#define RECEIVED "received=carol - alice/friends 0 0 0 0 0 0 9007199254740992\n"
#define OTHERS "given=- - - 1 0 5 6 7 8 9\n"

TEST(a_text_is_read_as_it_was_written) {
  struct p2p_ledger ledger = {0};
  struct p2p_buf out;
  static const char *const texts[] = {HEAD, HEAD GIVEN, HEAD OTHERS GIVEN RECEIVED};
  for (size_t i = 0; i < 3; i++) {
    CHECK(read_text(texts[i], strlen(texts[i]), &ledger) == P2P_OK && ledger.n == (i == 2 ? 3 : i));
    p2p_buf_init(&out, P2P_LEDGER_TEXT_MAX);
    CHECK(p2p_ledger_text_write(&ledger, &out) == P2P_OK);
    CHECK(p2p_buf_len(&out) == strlen(texts[i]) &&
          memcmp(p2p_buf_data(&out), texts[i], p2p_buf_len(&out)) == 0);
    p2p_buf_clear(&out);
    p2p_ledger_clear(&ledger);
  }
}

TEST(a_text_that_is_cut_is_refused_or_ends_with_a_line) {
  static const char text[] = HEAD OTHERS GIVEN RECEIVED;
  for (size_t length = 0; length < sizeof text - 1; length++) {
    struct p2p_ledger ledger = {0};
    int code = read_text(text, length, &ledger);
    bool is_line = length > 0 && text[length - 1] == '\n';
    CHECK(code == (is_line ? P2P_OK : P2P_ERR_PARSE));
    p2p_ledger_clear(&ledger);
  }
}

TEST(other_texts_are_refused) {
  struct p2p_ledger ledger = {0};
  refuse("");
  refuse("future.p2p membership 1\n" GIVEN);
  refuse(HEAD GIVEN GIVEN);  /* twice */
  refuse(HEAD GIVEN OTHERS); /* another order */
  refuse(HEAD RECEIVED GIVEN);
  refuse(HEAD "lent=bob laptop alice/friends 3 2 3000 30 60 40 50\n");
  refuse(HEAD "given=bob laptop alice/friends 3 2 3000 30 60 40\n");
  refuse(HEAD "given=bob laptop alice/friends 3 2 3000 30 60 40 50 60\n");
  refuse(HEAD "given=bob laptop alice/friends 3 2 3000 30 60 40 50 \n");
  refuse(HEAD "given=bob  alice/friends 3 2 3000 30 60 40 50\n");
  refuse(HEAD "given=bob laptop alice/friends 03 2 3000 30 60 40 50\n");
  refuse(HEAD "given=bob laptop alice/friends -3 2 3000 30 60 40 50\n");
  refuse(HEAD "given=bob laptop alice/friends 9007199254740993 2 3000 30 60 40 50\n");
  refuse(HEAD "given=bob laptop alice/friends 3 2 3000 30 60 50 40\n"); /* latest before since */
  refuse(HEAD "given=b/b laptop alice/friends 3 2 3000 30 60 40 50\n");
  refuse(HEAD "given=bob lap@top alice/friends 3 2 3000 30 60 40 50\n");
  refuse(HEAD "given=bob laptop alice 3 2 3000 30 60 40 50\n");
  refuse(HEAD "given=- laptop alice/friends 3 2 3000 30 60 40 50\n");
  refuse(HEAD "given=bob laptop - 3 2 3000 30 60 40 50\n");
  CHECK(read_text("future.p2p contributions 2\n", 27, &ledger) == P2P_ERR_VERSION);
}

TEST(more_entries_than_there_may_be_are_refused) {
  struct p2p_ledger ledger = {0};
  struct p2p_buf buf;
  p2p_buf_init(&buf, P2P_LEDGER_TEXT_MAX);
  CHECK(p2p_buf_put(&buf, HEAD, strlen(HEAD)) == P2P_OK);
  for (unsigned i = 0; i <= P2P_LEDGER_MAX; i++) {
    char line[128];
    int length = snprintf(line, sizeof line, "given=bob vm%05u a/b 1 0 0 0 0 1 1\n", i);
    CHECK(p2p_buf_put(&buf, line, (size_t)length) == P2P_OK);
  }
  CHECK(p2p_ledger_text_read(&buf, &ledger) == P2P_ERR_PARSE && ledger.n == 0);
  p2p_buf_clear(&buf);
}

TEST(the_longest_names_fit_into_the_text) {
  struct p2p_ledger ledger = {0};
  struct p2p_buf buf;
  char user[64], member[192], cluster[160];
  memset(user, 'u', sizeof user);
  user[63] = '\0';
  memset(member, 'm', sizeof member);
  memcpy(member, user, 63);
  member[63] = '@';
  memset(cluster, 'c', sizeof cluster);
  cluster[63] = '/';
  cluster[159] = '\0';
  strcpy(member + 189, ":1");
  for (size_t i = 0; i < P2P_LEDGER_MAX; i++) {
    struct p2p_ledger_entry full = {.counts = {P2P_LEDGER_COUNT_MAX, P2P_LEDGER_COUNT_MAX,
                                               P2P_LEDGER_COUNT_MAX, P2P_LEDGER_COUNT_MAX,
                                               P2P_LEDGER_COUNT_MAX},
                                    .since_s = P2P_LEDGER_COUNT_MAX,
                                    .latest_s = P2P_LEDGER_COUNT_MAX};
    char digits[8];
    snprintf(digits, sizeof digits, "%05zu", i);
    memcpy(member + 64, digits, 5);
    CHECK(p2p_ledger_key_set(&full.key, P2P_LEDGER_RECEIVED, cluster, member));
    CHECK(p2p_ledger_add(&ledger, &full) == P2P_OK);
  }
  p2p_buf_init(&buf, P2P_LEDGER_TEXT_MAX);
  CHECK(p2p_ledger_text_write(&ledger, &buf) == P2P_OK);
  p2p_ledger_clear(&ledger);
  CHECK(p2p_ledger_text_read(&buf, &ledger) == P2P_OK && ledger.n == P2P_LEDGER_MAX);
  p2p_ledger_clear(&ledger);
  p2p_buf_clear(&buf);
}

/* ---- the file ---- */

static int add_to_file(const char *member, uint64_t n) {
  struct p2p_ledger more = {0};
  add(&more, member, n, 1);
  int code = p2p_ledger_file_add(key_folder, &more, &err);
  p2p_ledger_clear(&more);
  return code;
}

TEST(processes_that_write_at_the_same_time_lose_nothing) {
  enum { PROCESSES = 4, TIMES = 25 };
  key_folder_make();
  CHECK(sum_of_file() == 0);
  CHECK(access(key_folder, F_OK) != 0); /* reading makes nothing */
  for (int i = 0; i < PROCESSES; i++) {
    pid_t child = fork();
    if (child != 0) continue;
    int code = P2P_OK;
    for (int k = 0; k < TIMES && code == P2P_OK; k++)
      code = add_to_file(i % 2 == 0 ? "bob@desk:1" : "carol@desk:1", 1);
    _exit(code != P2P_OK);
  }
  for (int i = 0; i < PROCESSES; i++) {
    int status = -1;
    CHECK(wait(&status) > 0 && status == 0);
  }
  CHECK(sum_of_file() == PROCESSES * TIMES);
  CHECK(key_folder_mode("counts") == 0600 && key_folder_mode("") == 0700);
  key_folder_remove();
}

TEST(what_a_killed_process_has_left_is_removed) {
  key_folder_make();
  CHECK(add_to_file("bob@desk:1", 1) == P2P_OK);
  key_folder_write(".new-0123", "half", 4);
  CHECK(add_to_file("bob@desk:1", 1) == P2P_OK);
  CHECK(sum_of_file() == 2 && access(key_folder_path(".new-0123"), F_OK) != 0);
  key_folder_remove();
}

TEST(a_file_that_cannot_be_read_stays) {
  struct p2p_ledger ledger = {0};
  char text[64];
  key_folder_make();
  CHECK(add_to_file("bob@desk:1", 1) == P2P_OK);
  key_folder_write("counts", "future.p2p contributions 2\nnew\n", 31);
  CHECK(add_to_file("bob@desk:1", 1) == P2P_ERR_VERSION);
  key_folder_write("counts", "damaged", 7);
  CHECK(add_to_file("bob@desk:1", 1) == P2P_ERR_PARSE);
  CHECK(p2p_ledger_file_read(key_folder, &ledger, &err) == P2P_ERR_PARSE && ledger.n == 0);
  CHECK(p2p_ledger_file_forget(key_folder, CLUSTER, &err) == P2P_ERR_PARSE);
  CHECK(key_folder_read("counts", text, sizeof text) == 7);
  CHECK(p2p_ledger_file_forget(key_folder, NULL, &err) == P2P_OK && sum_of_file() == 0);
  CHECK(add_to_file("bob@desk:1", 3) == P2P_OK && sum_of_file() == 3);
  CHECK(p2p_ledger_file_forget(key_folder, "dave/lab", &err) == P2P_OK && sum_of_file() == 3);
  CHECK(p2p_ledger_file_forget(key_folder, CLUSTER, &err) == P2P_OK && sum_of_file() == 0);
  key_folder_remove();
}

TEST(nobody_waits_for_ever_for_the_lock) {
  key_folder_make();
  CHECK(add_to_file("bob@desk:1", 1) == P2P_OK);
  int lock = open(key_folder_path("lock"), O_RDWR | O_CLOEXEC);
  CHECK(lock >= 0 && flock(lock, LOCK_EX) == 0);
  CHECK(add_to_file("bob@desk:1", 1) == P2P_ERR_TIMEOUT);
  CHECK(sum_of_file() == 1); /* reading needs no lock */
  close(lock);
  CHECK(add_to_file("bob@desk:1", 1) == P2P_OK && sum_of_file() == 2);
  key_folder_remove();
}

UNIT_MAIN("ledger", UNIT(members_are_counted_by_user_and_machine),
          UNIT(names_that_are_not_valid_are_not_counted), UNIT(counts_do_not_wrap_around),
          UNIT(a_user_with_many_machines_pushes_out_no_other_user),
          UNIT(of_many_users_those_used_longest_ago_are_counted_together),
          UNIT(a_cluster_can_be_forgotten), UNIT(a_text_is_read_as_it_was_written),
          UNIT(a_text_that_is_cut_is_refused_or_ends_with_a_line), UNIT(other_texts_are_refused),
          UNIT(more_entries_than_there_may_be_are_refused),
          UNIT(the_longest_names_fit_into_the_text),
          UNIT(processes_that_write_at_the_same_time_lose_nothing),
          UNIT(what_a_killed_process_has_left_is_removed), UNIT(a_file_that_cannot_be_read_stays),
          UNIT(nobody_waits_for_ever_for_the_lock))
