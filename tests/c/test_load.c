/* The payload of LOAD: exact text, round trip, truncated, oversized and malformed. */
#include "protocol/load.h"

#include <stdlib.h>

#include "unit.h"

#define TEXT "busy=3\nwaiting=2\nusers=bob;carol\n"

/* Reads a copy of exactly `length` bytes, so that a read beyond the end is detected. */
static int read_bytes(const char *bytes, size_t length, struct p2p_load *out) {
  char *copy = malloc(length > 0 ? length : 1);
  memcpy(copy, bytes, length);
  int code = p2p_load_read(copy, length, out);
  free(copy);
  return code;
}

static int read_text(const char *text, struct p2p_load *out) {
  return read_bytes(text, strlen(text), out);
}

static void check_written(const struct p2p_load *load, const char *expected) {
  char text[P2P_LOAD_MAX];
  struct p2p_load again;
  CHECK(p2p_load_write(load, text) == strlen(expected));
  CHECK_STR(text, expected);
  CHECK(read_text(text, &again) == P2P_OK && p2p_load_is_same(&again, load));
}

TEST(a_load_has_its_exact_text) {
  struct p2p_load load = {0};
  check_written(&load, "");
  load.waiting = P2P_LOAD_WAITING_MAX;
  check_written(&load, "waiting=999999999\n");
  load = (struct p2p_load){.busy = 3, .waiting = 2, .users = "bob;carol"};
  check_written(&load, TEXT);
  load = (struct p2p_load){.busy = 1, .reserved = {2, 6144, 0}};
  check_written(&load, "busy=1\ncores=2\nmemory=6144\n");
  load = (struct p2p_load){.busy = 1, .reserved = {.gpus = 2}};
  check_written(&load, "busy=1\ngpu=2\n");
  load = (struct p2p_load){.state = "resting until 22:00"};
  check_written(&load, "state=resting until 22:00\n");
}

TEST(a_state_is_short_and_plain) {
  struct p2p_load load = {.busy = 77};
  CHECK(p2p_load_state_is_valid("r") && p2p_load_state_is_valid("resting until 22:00"));
  CHECK(read_text("state=\n", &load) != P2P_OK && read_text("state=Resting\n", &load) != P2P_OK);
  CHECK(read_text("state= a\n", &load) != P2P_OK && read_text("state=a\033[1m\n", &load) != P2P_OK);
  CHECK(read_text("state=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n", &load) != P2P_OK);
  CHECK(load.busy == 77);
  CHECK(read_text("state=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n", &load) == P2P_OK);
}

TEST(a_user_is_listed_once_and_only_so_many) {
  struct p2p_load load = {0};
  char user[P2P_USER_NAME_MAX], text[P2P_LOAD_MAX];
  p2p_load_add_user(&load, "bob");
  p2p_load_add_user(&load, "bo");
  p2p_load_add_user(&load, "bob");
  p2p_load_add_user(&load, "");
  p2p_load_add_user(&load, "a;b");
  CHECK_STR(load.users, "bob;bo");
  load = (struct p2p_load){.busy = 1024, .waiting = P2P_LOAD_WAITING_MAX};
  memset(user, 'u', sizeof user);
  user[P2P_USER_NAME_MAX - 1] = '\0';
  for (char i = '0'; i <= '9'; i++) {
    user[0] = i;
    p2p_load_add_user(&load, user);
  }
  CHECK(strlen(load.users) == P2P_LOAD_USERS_LEN - 1 && strchr(load.users, '8') == NULL);
  size_t length = p2p_load_write(&load, text);
  CHECK(length < P2P_LOAD_MAX && text[length] == '\0' && strlen(text) == length);
  check_written(&load, text);
}

TEST(what_is_missing_is_none_and_what_is_unknown_is_ignored) {
  struct p2p_load load;
  CHECK(read_text("", &load) == P2P_OK && load.busy == 0 && load.waiting == 0);
  CHECK(read_text("mood=5\nusers=bob\nusers=a b\nbusy=1\nbusy=2", &load) == P2P_OK);
  CHECK(load.busy == 1 && load.waiting == 0);
  CHECK_STR(load.users, "bob");
}

/* A payload that is cut off is malformed or a shorter one, but never one that is read beyond. */
TEST(a_truncated_load_has_no_more_than_its_bytes) {
  for (size_t length = 0; length < sizeof TEXT; length++) {
    struct p2p_load load = {.busy = 77};
    int code = read_bytes(TEXT, length, &load);
    CHECK(code == P2P_OK || load.busy == 77);
    CHECK(code == P2P_OK || code == P2P_ERR_PROTOCOL);
    bool cuts_a_value = length == 5 || length == 15 || length == 23 || length == 27;
    if (length < sizeof TEXT - 1) CHECK((code == P2P_ERR_PROTOCOL) == cuts_a_value);
  }
}

TEST(a_malformed_load_is_refused) {
  static const char *const texts[] = {
      "busy=0\n",    "busy=1025\n",  "busy=-1\n",    "busy=01\n",   "busy=\n",
      "waiting=0\n", "waiting=x\n",  "users=\n",     "users=;\n",   "users=bob;\n",
      "users=;bob",  "users=a b\n",  "users=-bob\n", "users=a@b\n", "waiting=1000000000\n",
      "users=a;;b",  "users=a\x01b", "users=a,b",    "busy= 1",     "users=a;b;c;d;e;f;g;h;i\n",
  };
  struct p2p_load load = {.busy = 77};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    CHECK(read_text(texts[i], &load) == P2P_ERR_PROTOCOL);
    if (read_text(texts[i], &load) == P2P_OK) fprintf(stderr, "%s\n", texts[i]);
  }
  CHECK(read_bytes("users=a\0b\n", 10, &load) == P2P_ERR_PROTOCOL);
  CHECK(read_text("busy=1111111111111111111111111\n", &load) == P2P_ERR_PROTOCOL);
  CHECK(load.busy == 77);
}

TEST(an_oversized_load_is_refused) {
  static char bytes[2 * P2P_LOAD_MAX];
  struct p2p_load load;
  memset(bytes, '\n', sizeof bytes);
  CHECK(read_bytes(bytes, P2P_LOAD_MAX - 1, &load) == P2P_OK);
  CHECK(read_bytes(bytes, P2P_LOAD_MAX, &load) == P2P_ERR_PROTOCOL);
  memset(bytes, 'a', sizeof bytes);
  memcpy(bytes, "users=", 6);
  CHECK(read_bytes(bytes, P2P_LOAD_USERS_LEN + 6, &load) == P2P_ERR_PROTOCOL);
  CHECK(read_bytes(bytes, 6 + P2P_USER_NAME_MAX, &load) == P2P_ERR_PROTOCOL);
  CHECK(read_bytes(bytes, 6 + P2P_USER_NAME_MAX - 1, &load) == P2P_OK);
}

UNIT_MAIN("load", UNIT(a_load_has_its_exact_text), UNIT(a_state_is_short_and_plain),
          UNIT(a_user_is_listed_once_and_only_so_many),
          UNIT(what_is_missing_is_none_and_what_is_unknown_is_ignored),
          UNIT(a_truncated_load_has_no_more_than_its_bytes), UNIT(a_malformed_load_is_refused),
          UNIT(an_oversized_load_is_refused))
