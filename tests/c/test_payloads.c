/* The payloads of frames: exact bytes, round trip, truncated, oversized and hostile. */
#include <stdlib.h>

#include "base/endian.h"
#include "protocol/evaluator_hello.h"
#include "protocol/lost.h"
#include "protocol/package_list.h"
#include "protocol/slot.h"
#include "protocol/task_header.h"
#include "unit.h"

/* A copy of exactly `length` bytes, so that a read beyond the end is detected. */
static void *copy_of(const void *bytes, size_t length) {
  void *copy = malloc(length > 0 ? length : 1);
  memcpy(copy, bytes, length);
  return copy;
}

TEST(integers_are_big_endian) {
  uint8_t bytes[8];
  p2p_set_u32(bytes, 0x01020304);
  CHECK(memcmp(bytes, "\1\2\3\4", 4) == 0 && p2p_get_u32(bytes) == 0x01020304);
  p2p_set_u64(bytes, UINT64_C(0xfffefdfc01020304));
  CHECK(memcmp(bytes, "\xff\xfe\xfd\xfc\1\2\3\4", 8) == 0);
  CHECK(p2p_get_u64(bytes) == UINT64_C(0xfffefdfc01020304));
}

/* ---- SLOT ---- */

TEST(a_slot_is_five_bytes) {
  static const struct {
    enum p2p_slot_op op;
    enum p2p_role sender;
    uint8_t bytes[P2P_SLOT_LEN];
  } cases[] = {
      {P2P_SLOT_WANT, P2P_ROLE_CLIENT, {1, 0, 0, 0, 3}},
      {P2P_SLOT_GRANT, P2P_ROLE_WORKER, {2, 0, 0, 0, 3}},
      {P2P_SLOT_RECALL, P2P_ROLE_WORKER, {3, 0, 0, 0, 3}},
      {P2P_SLOT_RETURN, P2P_ROLE_CLIENT, {4, 0, 0, 0, 3}},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    uint8_t out[P2P_SLOT_LEN];
    struct p2p_slot slot = {0};
    p2p_slot_write(cases[i].op, 3, out);
    CHECK(memcmp(out, cases[i].bytes, sizeof out) == 0);
    CHECK(p2p_slot_read(out, sizeof out, cases[i].sender, &slot) == P2P_OK);
    CHECK(slot.op == cases[i].op && slot.count == 3);
    enum p2p_role other = cases[i].sender == P2P_ROLE_CLIENT ? P2P_ROLE_WORKER : P2P_ROLE_CLIENT;
    CHECK(p2p_slot_read(out, sizeof out, other, &slot) == P2P_ERR_PROTOCOL);
    CHECK(p2p_slot_read(out, sizeof out, P2P_ROLE_HOST, &slot) == P2P_ERR_PROTOCOL);
  }
}

TEST(other_slots_are_refused) {
  static const uint8_t bytes[] = {1, 0, 0, 0, 3, 0};
  struct p2p_slot slot = {.count = 77};
  for (size_t length = 0; length <= sizeof bytes; length++) {
    void *copy = copy_of(bytes, length);
    int code = p2p_slot_read(copy, length, P2P_ROLE_CLIENT, &slot);
    CHECK(code == (length == P2P_SLOT_LEN ? P2P_OK : P2P_ERR_PROTOCOL));
    free(copy);
  }
  CHECK(slot.count == 3);
  for (int op = 0; op < 256; op++) {
    uint8_t all[P2P_SLOT_LEN] = {(uint8_t)op};
    for (int sender = P2P_ROLE_CLIENT; sender <= P2P_ROLE_HOST; sender++) {
      bool known = (sender == P2P_ROLE_CLIENT && (op == 1 || op == 4)) ||
                   (sender == P2P_ROLE_WORKER && (op == 2 || op == 3));
      CHECK((p2p_slot_read(all, sizeof all, (enum p2p_role)sender, &slot) == P2P_OK) == known);
    }
  }
}

/* ---- TASK, CONDITION, RESULT ---- */

TEST(a_size_header_is_eight_bytes) {
  uint8_t out[P2P_SIZE_HEADER_LEN];
  uint64_t size = 77;
  static const uint8_t zeros[P2P_SIZE_HEADER_LEN + 1];
  p2p_size_header_write(UINT64_C(0x0102030405060708), out);
  CHECK(memcmp(out, "\1\2\3\4\5\6\7\10", 8) == 0);
  CHECK(p2p_size_header_read(out, sizeof out, &size) == P2P_OK);
  CHECK(size == UINT64_C(0x0102030405060708));
  for (size_t length = 0; length <= sizeof zeros; length++) {
    void *copy = copy_of(zeros, length);
    CHECK((p2p_size_header_read(copy, length, &size) == P2P_OK) == (length == sizeof out));
    free(copy);
  }
  CHECK(size == 0);
}

TEST(a_task_header_is_a_size_and_a_label) {
  uint8_t out[P2P_TASK_HEADER_MAX];
  struct p2p_task_header header;
  CHECK(p2p_task_header_write(100000, "sum", out) == 11);
  CHECK(memcmp(out, "\0\0\0\0\0\1\x86\xa0sum", 11) == 0);
  CHECK(p2p_task_header_read(out, 11, &header) == P2P_OK && header.size == 100000);
  CHECK_STR(header.label, "sum");
  CHECK(p2p_task_header_write(1, "", out) == 8);
  CHECK(p2p_task_header_read(out, 8, &header) == P2P_OK && header.label[0] == '\0');
  header.size = 77;
  for (size_t length = 0; length < P2P_SIZE_HEADER_LEN; length++)
    CHECK(p2p_task_header_read(out, length, &header) == P2P_ERR_PROTOCOL && header.size == 77);
}

TEST(a_label_is_cut_and_made_safe) {
  uint8_t out[P2P_TASK_HEADER_MAX];
  char label[2 * P2P_TASK_LABEL_MAX], payload[8 + sizeof label] = "";
  struct p2p_task_header header;
  memset(label, 'x', sizeof label);
  label[sizeof label - 1] = '\0';
  CHECK(p2p_task_header_write(1, label, out) == P2P_TASK_HEADER_MAX);
  CHECK(p2p_task_header_read(out, sizeof out, &header) == P2P_OK);
  CHECK(strlen(header.label) == P2P_TASK_LABEL_MAX - 1);
  memcpy(payload + 8, label, sizeof label);
  CHECK(p2p_task_header_read(payload, sizeof payload - 1, &header) == P2P_OK);
  CHECK(strlen(header.label) == P2P_TASK_LABEL_MAX - 1);
  memcpy(payload + 8, "\033[2J\r\nx", 7);
  CHECK(p2p_task_header_read(payload, 15, &header) == P2P_OK);
  CHECK_STR(header.label, "?[2J??x");
}

/* ---- LOST, HELLO of an evaluator ---- */

TEST(lost_is_text_cut_between_characters) {
  char why[2 * P2P_LOST_MAX], out[P2P_LOST_MAX];
  uint8_t payload[P2P_LOST_MAX];
  CHECK(p2p_lost_write(P2P_LOST_FINAL, "", payload) == 0 &&
        p2p_lost_write(P2P_LOST_FINAL, "gone", payload) == 4 && memcmp(payload, "gone", 4) == 0);
  memset(why, 'x', sizeof why);
  why[sizeof why - 1] = '\0';
  CHECK(p2p_lost_write(P2P_LOST_FINAL, why, payload) == P2P_LOST_MAX - 1);
  CHECK(p2p_lost_write(P2P_LOST_KILLED, why, payload) == P2P_LOST_MAX - 1);
  memcpy(why + P2P_LOST_MAX - 2, "\xc3\xa4", 2); /* the cut would be within it */
  size_t length = p2p_lost_write(P2P_LOST_FINAL, why, payload);
  CHECK(length == P2P_LOST_MAX - 2);
  CHECK(p2p_lost_read(payload, length, out, sizeof out) == P2P_LOST_FINAL);
  CHECK(strlen(out) == P2P_LOST_MAX - 2);
  CHECK(p2p_lost_write(P2P_LOST_KILLED, why, payload) == P2P_LOST_MAX - 1);
  CHECK(p2p_lost_read("a\033b", 3, out, sizeof out) == P2P_LOST_FINAL);
  CHECK_STR(out, "a?b");
  CHECK(p2p_lost_read("abc", 3, out, 2) == P2P_LOST_FINAL);
  CHECK_STR(out, "a");
  CHECK(p2p_lost_read("", 0, out, 1) == P2P_LOST_FINAL);
  CHECK_STR(out, "");
}

TEST(marks_of_lost_are_one_byte_before_the_text) {
  static const enum p2p_lost_kind kinds[] = {P2P_LOST_FINAL, P2P_LOST_KILLED, P2P_LOST_NOT_BEGUN};
  uint8_t payload[P2P_LOST_MAX];
  char out[P2P_LOST_MAX];
  for (int i = 0; i < 3; i++) {
    size_t mark = i > 0, length = p2p_lost_write(kinds[i], "gone", payload);
    CHECK(length == 4 + mark && (mark == 0 || payload[0] == i));
    for (size_t part = 1; part <= length; part++) {
      CHECK(p2p_lost_read(payload, part, out, sizeof out) == kinds[i]);
      CHECK(strlen(out) == part - mark && memcmp(out, "gone", part - mark) == 0);
    }
    CHECK(p2p_lost_read(payload, length, out, 3) == kinds[i]);
    CHECK_STR(out, "go");
  }
  for (int byte = 0; byte < 256; byte++) { /* others are text */
    if (byte == P2P_LOST_KILLED || byte == P2P_LOST_NOT_BEGUN) continue;
    CHECK(p2p_lost_read((uint8_t[]){(uint8_t)byte, 'x'}, 2, out, sizeof out) == P2P_LOST_FINAL);
    CHECK(strlen(out) == 2 && out[1] == 'x');
  }
  CHECK(p2p_lost_read("\1\2x", 3, out, sizeof out) == P2P_LOST_KILLED);
  CHECK_STR(out, "?x");
}

TEST(an_evaluator_reports_that_it_is_ready_or_its_error) {
  char error[8];
  CHECK(!p2p_evaluator_hello_read("r=4.2.2\nfuture=1.70.0\npid=77\n", 28, error, sizeof error));
  CHECK_STR(error, "");
  CHECK(p2p_evaluator_hello_read("r=4.2\nerror=no\tway, no", 22, error, sizeof error));
  CHECK_STR(error, "no?way,");
  CHECK(p2p_evaluator_hello_read("error=", 6, error, sizeof error));
  CHECK(!p2p_evaluator_hello_read("", 0, error, sizeof error));
  CHECK(p2p_evaluator_hello_peak_bytes("r=4.2.2\npeak=81788928\n", 22) == 81788928);
  char hello[P2P_EVALUATOR_HELLO_MAX], text[P2P_EVALUATOR_HELLO_MAX] = "r=4.2.2\n";
  CHECK(p2p_evaluator_hello_write(7, 5, text, hello) == 22);
  CHECK_STR(hello, "peak=7\ndata=5\nr=4.2.2\n");
  CHECK(p2p_evaluator_hello_data_bytes(hello, 22) == 5);
  CHECK(p2p_evaluator_hello_data_bytes(hello, 7) == 0);
  memset(text, 'r', sizeof text - 1);
  CHECK(p2p_evaluator_hello_write(7, 5, text, hello) == P2P_ERR_TOO_LARGE);
  CHECK(p2p_evaluator_hello_peak_bytes("peak=1x\n", 8) == 0 &&
        p2p_evaluator_hello_peak_bytes("r=4.2.2\n", 8) == 0);
}

/* ---- PACKAGES ---- */

static int read_request(const char *bytes, size_t length, char *out) {
  struct p2p_package_reader reader;
  struct p2p_package package;
  void *copy = copy_of(bytes, length);
  int code;
  out[0] = '\0';
  p2p_package_reader_init(&reader, copy, length);
  while ((code = p2p_package_request_next(&reader, &package)) > 0)
    strcat(strcat(out, package.name), "|");
  free(copy);
  return code;
}

static int read_reply(const char *bytes, size_t length, char *out) {
  struct p2p_package_reader reader;
  struct p2p_package package;
  void *copy = copy_of(bytes, length);
  int code;
  out[0] = '\0';
  p2p_package_reader_init(&reader, copy, length);
  while ((code = p2p_package_reply_next(&reader, &package)) > 0)
    strcat(strcat(strcat(strcat(out, package.name), ":"), package.version), "|");
  free(copy);
  return code;
}

TEST(a_request_is_read_name_by_name) {
  char out[512];
  CHECK(read_request("a;b.c;d9", 8, out) == 0);
  CHECK_STR(out, "a|b.c|d9|");
  CHECK(read_request("", 0, out) == 0);
  CHECK_STR(out, "");
  static const char *const bad[] = {";",   "a;",     ";a",  "a;;b", "1a",  ".a",
                                    "a/b", "../etc", "a b", "a=1",  "a\n", "\xc3\xa4"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
    CHECK(read_request(bad[i], strlen(bad[i]), out) == P2P_ERR_PARSE);
  CHECK(read_request("a\0b", 3, out) == P2P_ERR_PARSE);
}

TEST(a_reply_is_read_entry_by_entry) {
  char out[512], longest[P2P_PACKAGE_VERSION_MAX + 2] = "a=";
  CHECK(read_reply("a=1.2.3;b=;c=0.9-1", 18, out) == 0);
  CHECK_STR(out, "a:1.2.3|b:|c:0.9-1|");
  static const char *const bad[] = {"a", "a=1;", ";a=1", "=1", "a=1=2", "a= 1", "a=1\n", "a/b=1"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
    CHECK(read_reply(bad[i], strlen(bad[i]), out) == P2P_ERR_PARSE);
  memset(longest + 2, '1', P2P_PACKAGE_VERSION_MAX - 1);
  CHECK(read_reply(longest, 2 + P2P_PACKAGE_VERSION_MAX - 1, out) == 0);
  longest[2 + P2P_PACKAGE_VERSION_MAX - 1] = '1';
  CHECK(read_reply(longest, 2 + P2P_PACKAGE_VERSION_MAX, out) == P2P_ERR_PARSE);
}

TEST(requests_and_replies_have_their_exact_text) {
  struct p2p_buf out;
  p2p_buf_init(&out, 14);
  CHECK(p2p_package_request_put(&out, "future") == P2P_OK);
  CHECK(p2p_package_request_put(&out, "a/b") == P2P_ERR_INVALID);
  CHECK(p2p_package_request_put(&out, "") == P2P_ERR_INVALID);
  CHECK(p2p_package_request_put(&out, "b") == P2P_OK);
  CHECK(p2p_package_request_put(&out, "toolong") != P2P_OK);
  CHECK(p2p_buf_len(&out) == 8 && memcmp(p2p_buf_data(&out), "future;b", 8) == 0);
  p2p_buf_clear(&out);
  p2p_buf_init(&out, 100);
  CHECK(p2p_package_reply_put(&out, "future", "1.70.0") == P2P_OK);
  CHECK(p2p_package_reply_put(&out, "b", "") == P2P_OK);
  CHECK(p2p_package_reply_put(&out, "b", "1;2") == P2P_ERR_INVALID);
  CHECK(p2p_package_reply_put(&out, "b=", "1") == P2P_ERR_INVALID);
  CHECK(p2p_buf_len(&out) == 16 && memcmp(p2p_buf_data(&out), "future=1.70.0;b=", 16) == 0);
  p2p_buf_clear(&out);
}

TEST(a_request_has_at_most_so_many_names) {
  static char many[2 * P2P_PACKAGE_REQUEST_MAX + 1], out[4 * P2P_PACKAGE_REQUEST_MAX];
  for (size_t i = 0; i < sizeof many; i++) many[i] = i % 2 == 0 ? 'a' : ';';
  CHECK(read_request(many, 2 * P2P_PACKAGE_REQUEST_MAX - 1, out) == 0);
  CHECK(read_request(many, 2 * P2P_PACKAGE_REQUEST_MAX + 1, out) == P2P_ERR_TOO_LARGE);
}

TEST(a_list_has_names_only) {
  char name[P2P_PACKAGE_NAME_MAX], longest[P2P_PACKAGE_NAME_MAX + 1];
  const char *list = "a;data.table;b";
  CHECK(p2p_package_list_is_valid(list));
  CHECK(p2p_package_list_next(&list, name) && strcmp(name, "a") == 0);
  CHECK(p2p_package_list_next(&list, name) && strcmp(name, "data.table") == 0);
  CHECK(p2p_package_list_next(&list, name) && strcmp(name, "b") == 0);
  CHECK(!p2p_package_list_next(&list, name));
  CHECK(!p2p_package_list_is_valid(""));
  CHECK(!p2p_package_list_is_valid("a;"));
  CHECK(!p2p_package_list_is_valid(";a"));
  CHECK(!p2p_package_list_is_valid("a;9b"));
  memset(longest, 'a', sizeof longest);
  longest[P2P_PACKAGE_NAME_MAX - 1] = '\0';
  CHECK(p2p_package_list_is_valid(longest));
  longest[P2P_PACKAGE_NAME_MAX - 1] = 'a';
  longest[P2P_PACKAGE_NAME_MAX] = '\0';
  CHECK(!p2p_package_list_is_valid(longest));
  list = longest;
  CHECK(p2p_package_list_next(&list, name) && strlen(name) == P2P_PACKAGE_NAME_MAX - 1);
}

UNIT_MAIN("payloads", UNIT(integers_are_big_endian), UNIT(a_slot_is_five_bytes),
          UNIT(other_slots_are_refused), UNIT(a_size_header_is_eight_bytes),
          UNIT(a_task_header_is_a_size_and_a_label), UNIT(a_label_is_cut_and_made_safe),
          UNIT(lost_is_text_cut_between_characters),
          UNIT(marks_of_lost_are_one_byte_before_the_text),
          UNIT(an_evaluator_reports_that_it_is_ready_or_its_error),
          UNIT(a_request_is_read_name_by_name), UNIT(a_reply_is_read_entry_by_entry),
          UNIT(requests_and_replies_have_their_exact_text),
          UNIT(a_request_has_at_most_so_many_names), UNIT(a_list_has_names_only))
