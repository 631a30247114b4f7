/* The commands of a board. */
#include <stdlib.h>

#include "base/encode.h"
#include "server/board_command.h"
#include "unit.h"

static struct p2p_board_command command;
static struct p2p_err err;

static int parse(const char *text) { return p2p_board_command_parse(text, &command, &err); }

TEST(an_unknown_command_means_help) {
  static const char *const texts[] = {"", "   ", "help", "dance", "pipes x", "LS", "-r"};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    CHECK(parse(texts[i]) == P2P_OK);
    CHECK(command.verb == P2P_BOARD_HELP);
  }
}

TEST(commands_without_a_topic_parse) {
  CHECK(parse("ls") == P2P_OK && command.verb == P2P_BOARD_LS);
  CHECK(parse(" user ") == P2P_OK && command.verb == P2P_BOARD_USER);
  CHECK(parse("services") == P2P_OK && command.verb == P2P_BOARD_SERVICES);
}

TEST(users_takes_one_list_of_names) {
  static const char *const bad[] = {"users",       "users ",   "users a b",  "users a,,b",
                                    "users a,",    "users ,a", "users -a",   "users a/b",
                                    "users a\x01", "users .a", "users a, b", "users \xc3\xa9"};
  char many[2 * P2P_BOARD_NAMES_MAX + 16] = "users a";
  CHECK(parse(" users  alice,b_b,c.d-e ") == P2P_OK && command.verb == P2P_BOARD_USERS);
  CHECK_STR(command.names, "alice,b_b,c.d-e");
  p2p_board_command_clear(&command);
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) CHECK(parse(bad[i]) == P2P_ERR_INVALID);
  for (int i = 1; i < P2P_BOARD_NAMES_MAX; i++) strcat(many, ",a");
  CHECK(parse(many) == P2P_OK);
  p2p_board_command_clear(&command);
  strcat(many, ",a");
  CHECK(parse(many) == P2P_ERR_INVALID);
}

TEST(attest_and_attested_take_one_key) {
  static const char key[] = "j0DFrbaPJWJK5bIU6nZ6bslNgp09e14a0bpvPiE4KF8";
  static const char *const bad[] = {
      "",
      "j0DFrbaPJWJK5bIU6nZ6bslNgp09e14a0bpvPiE4KF",    /* too short */
      "j0DFrbaPJWJK5bIU6nZ6bslNgp09e14a0bpvPiE4KF8A",  /* too long */
      "j0DFrbaPJWJK5bIU6nZ6bslNgp09e14a0bpvPiE4KF8=",  /* padding */
      "j0DFrbaPJWJK5bIU6nZ6bslNgp09e14a0bpvPiE4KF9",   /* trailing bits */
      "j0DFrbaPJWJK5bIU6nZ6bslNgp09e14a0bpvPiE4K+8",   /* base64 */
      "j0DFrbaPJWJK5bIU6nZ6bslNgp09e14a0bpvPiE4KF8 x", /* another word */
      "-r j0DFrbaPJWJK5bIU6nZ6bslNgp09e14a0bpvPiE4KF8"};
  char text[80], expected[sizeof key];
  for (int i = 0; i < 2; i++) {
    const char *word = i == 0 ? "attest" : "attested";
    snprintf(text, sizeof text, " %s  %s ", word, key);
    CHECK(parse(text) == P2P_OK);
    CHECK(command.verb == (i == 0 ? P2P_BOARD_ATTEST : P2P_BOARD_ATTESTED));
    p2p_base64url_encode(command.key, sizeof command.key, expected);
    CHECK_STR(expected, key);
    for (size_t j = 0; j < sizeof bad / sizeof bad[0]; j++) {
      snprintf(text, sizeof text, "%s %s", word, bad[j]);
      CHECK(parse(text) == P2P_ERR_INVALID);
      CHECK(strstr(err.message, "takes a device key") != NULL);
    }
  }
}

TEST(flags_parse_in_any_order_and_form) {
  CHECK(parse("pipe friends/future.p2p -r -a alice,bob,SHA256:abc -d round_robin -c -p") == P2P_OK);
  CHECK(command.verb == P2P_BOARD_PIPE);
  CHECK_STR(command.topic, "friends/future.p2p");
  CHECK_STR(command.access, "alice,bob,SHA256:abc");
  CHECK(command.replay && command.round_robin && command.is_public && !command.wait_for_reader);
  p2p_board_command_clear(&command);
  CHECK(parse("pipe --a=alice -r=false --d=multicast t") == P2P_OK);
  CHECK_STR(command.topic, "t");
  CHECK_STR(command.access, "alice");
  CHECK(!command.replay && !command.round_robin);
  p2p_board_command_clear(&command);
  CHECK(parse("sub t -k") == P2P_OK && command.verb == P2P_BOARD_SUB && command.keep_alive);
}

TEST(pub_waits_for_a_reader_unless_told_not_to) {
  CHECK(parse("pub t") == P2P_OK && command.wait_for_reader && command.timeout_ms == 0);
  CHECK(parse("pub t -b=false") == P2P_OK && !command.wait_for_reader);
  CHECK(parse("pub t -e -t 10s") == P2P_OK && command.is_empty && command.timeout_ms == 10000);
  CHECK(parse("pub t -t 250ms") == P2P_OK && command.timeout_ms == 250);
  CHECK(parse("pub t -t 2m") == P2P_OK && command.timeout_ms == 120000);
  CHECK(parse("pub t -t=24h") == P2P_OK && command.timeout_ms == 86400000);
}

TEST(wrong_flags_values_and_topics_are_refused) {
  static const char *const texts[] = {
      "pipe",           "pipe -r",        "pipe a b",
      "pipe t -z",      "pipe t -",       "pipe t --",
      "pipe t -ra x",   "pipe t -a",      "pipe t -d",
      "pipe t -d both", "pub t -t",       "pub t -t 10",
      "pub t -t s",     "pub t -t 25h",   "pub t -t 99999999999999999999s",
      "pub t -b=maybe", "pub t -t -5s",   "pipe /t",
      "pipe t\x01",     "pipe t\xc3\xa9", "pipe t -a x\x7f"};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    err.message[0] = '\0';
    CHECK(parse(texts[i]) == P2P_ERR_INVALID);
    CHECK(err.message[0] != '\0');
  }
}

TEST(lengths_are_bounded) {
  char text[P2P_BOARD_COMMAND_MAX + 64];
  memset(text, 'x', sizeof text);
  memcpy(text, "pipe ", 5);
  text[5 + P2P_BOARD_TOPIC_MAX] = '\0';
  CHECK(parse(text) == P2P_OK);
  text[5 + P2P_BOARD_TOPIC_MAX] = 'x';
  text[6 + P2P_BOARD_TOPIC_MAX] = '\0';
  CHECK(parse(text) == P2P_ERR_INVALID);
  text[6 + P2P_BOARD_TOPIC_MAX] = 'x';
  text[sizeof text - 1] = '\0';
  CHECK(parse(text) == P2P_ERR_INVALID);
}

TEST(every_prefix_of_a_command_is_parsed_or_refused) {
  const char *text = "pipe friends/future.p2p -r -a alice,bob -d multicast -t 10s";
  for (size_t length = 0; length <= strlen(text); length++) {
    char *prefix = strndup(text, length); /* the sanitizer finds reads beyond it */
    if (parse(prefix) == P2P_OK) p2p_board_command_clear(&command);
    free(prefix);
  }
}

UNIT_MAIN("board_command", UNIT(an_unknown_command_means_help),
          UNIT(commands_without_a_topic_parse), UNIT(users_takes_one_list_of_names),
          UNIT(attest_and_attested_take_one_key), UNIT(flags_parse_in_any_order_and_form),
          UNIT(pub_waits_for_a_reader_unless_told_not_to),
          UNIT(wrong_flags_values_and_topics_are_refused), UNIT(lengths_are_bounded),
          UNIT(every_prefix_of_a_command_is_parsed_or_refused))
