/* The messages of a file transfer. */
#include "transfer/offer.h"

#include <stdlib.h>

#include "unit.h"

static struct p2p_offer_message message;
static struct p2p_err err;

static int parse_length(const char *text, size_t length) {
  free(message.text);
  memset(&message, 0, sizeof message);
  return p2p_offer_parse(text, length, &message, &err);
}

static int parse(const char *text) { return parse_length(text, strlen(text)); }

/* Parses a message that was formatted, and frees it. */
static void reparse(int code, char *text) {
  CHECK(code == P2P_OK && parse(text) == P2P_OK);
  free(text);
}

TEST(messages_are_read_as_they_were_written) {
  struct p2p_hints hints = {.can_direct = true, .n_direct = 1, .direct = {{"192.0.2.7", 40001}}};
  char *text = NULL;
  int code = p2p_offer_format_text("H\xc3\xa9llo \"there\"\n", 15, &text);
  reparse(code, text);
  CHECK(message.kind == P2P_OFFER_TEXT && message.text_length == 15);
  CHECK_STR(message.text, "H\xc3\xa9llo \"there\"\n");
  code = p2p_offer_format_file("a file", UINT64_C(1) << 40, &text);
  reparse(code, text);
  CHECK(message.kind == P2P_OFFER_FILE && message.size_bytes == UINT64_C(1) << 40);
  CHECK_STR(message.name, "a file");
  code = p2p_offer_format_answer(true, &text);
  reparse(code, text);
  CHECK(message.kind == P2P_OFFER_TEXT_ACCEPTED);
  code = p2p_offer_format_answer(false, &text);
  reparse(code, text);
  CHECK(message.kind == P2P_OFFER_FILE_ACCEPTED);
  code = p2p_hints_format(&hints, &text);
  reparse(code, text);
  CHECK(message.kind == P2P_OFFER_TRANSIT && message.hints.n_direct == 1);
}

TEST(errors_of_the_peer_are_quoted_and_ours_say_little) {
  char *text = NULL;
  CHECK(parse("{\"error\":\"no \\u001b way\"}") == P2P_ERR_CANCELED);
  CHECK_STR(err.message, "the other side gave up: no ? way");
  CHECK(parse("{\"error\":7}") == P2P_ERR_CANCELED);
  CHECK(parse("{\"answer\":{\"file_ack\":\"no\"}}") == P2P_ERR_CANCELED);
  CHECK_STR(err.message, "the other side rejected the offer");
  for (int code = P2P_ERR_INVALID; code >= P2P_ERR_SYSTEM; code--) {
    CHECK(p2p_offer_format_error(code, &text) == P2P_OK);
    CHECK(parse(text) == P2P_ERR_CANCELED);
    free(text);
  }
}

TEST(offers_that_are_not_supported_are_named) {
  CHECK(parse("{\"offer\":{\"directory\":{}}}") == P2P_ERR_INVALID);
  CHECK_STR(err.reason, "directory_offered");
  CHECK(parse("{\"offer\":{\"dance\":{}}}") == P2P_ERR_INVALID);
  CHECK(parse("{\"offer\":7}") == P2P_ERR_INVALID);
  CHECK(parse("{\"later\":1}") == P2P_OK && message.kind == P2P_OFFER_UNKNOWN);
}

TEST(truncated_messages_are_malformed) {
  const char *const GOOD[] = {"{\"offer\":{\"file\":{\"filename\":\"x\",\"filesize\":10}}}",
                              "{\"offer\":{\"message\":\"x\"}}",
                              "{\"answer\":{\"message_ack\":\"ok\"}}",
                              "{\"transit\":{\"abilities-v1\":[],\"hints-v1\":[]}}"};
  for (size_t i = 0; i < sizeof GOOD / sizeof GOOD[0]; i++) {
    for (size_t length = 0; length < strlen(GOOD[i]); length++)
      CHECK(parse_length(GOOD[i], length) == P2P_ERR_PARSE);
    CHECK(parse(GOOD[i]) == P2P_OK);
  }
}

TEST(malformed_messages_are_rejected) {
  const char *bad[] = {"[]",
                       "7",
                       "{\"offer\":{\"message\":7}}",
                       "{\"offer\":{\"file\":{}}}",
                       "{\"offer\":{\"file\":{\"filename\":\"x\",\"filesize\":-1}}}",
                       "{\"offer\":{\"file\":{\"filename\":\"x\",\"filesize\":1.5}}}",
                       "{\"offer\":{\"file\":{\"filename\":7,\"filesize\":1}}}",
                       "{\"answer\":1}",
                       "{\"answer\":{}}",
                       "{\"transit\":7}",
                       "{\"offer\":{\"message\":\"a\"},\"offer\":{\"message\":\"b\"}}"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) CHECK(parse(bad[i]) == P2P_ERR_PARSE);
}

TEST(sizes_are_limited) {
  static char large[70000];
  CHECK(parse("{\"offer\":{\"file\":{\"filename\":\"x\",\"filesize\":1125899906842624}}}") ==
        P2P_OK);
  CHECK(parse("{\"offer\":{\"file\":{\"filename\":\"x\",\"filesize\":1125899906842625}}}") ==
        P2P_ERR_TOO_LARGE);
  memset(large, 'x', sizeof large);
  memcpy(large, "{\"offer\":{\"message\":\"", 21);
  memcpy(large + sizeof large - 4, "\"}}", 4);
  CHECK(parse(large) == P2P_ERR_PARSE);
}

TEST(a_text_must_be_utf8) {
  char *text = NULL;
  CHECK(p2p_offer_format_text("caf\xe9", 4, &text) == P2P_ERR_INVALID);
  CHECK(text == NULL);
}

static void check_name(const char *path, const char *expected) {
  char name[P2P_OFFER_NAME_MAX];
  p2p_offer_clean_name(path, name);
  CHECK_STR(name, expected);
}

TEST(names_are_never_paths) {
  char path[300], name[P2P_OFFER_NAME_MAX];
  check_name("results.rds", "results.rds");
  check_name("/etc/passwd", "passwd");
  check_name("a/../..", "file");
  check_name("dir/", "file");
  check_name("", "file");
  check_name(".", "file");
  check_name("a\\b\x1b", "b?");
  check_name("..\\..", "file");
  check_name("caf\xc3\xa9", "caf\xc3\xa9");
  memset(path, 'a', sizeof path);
  path[sizeof path - 1] = '\0';
  p2p_offer_clean_name(path, name);
  CHECK(strlen(name) == P2P_OFFER_NAME_MAX - 1);
}

TEST(clean) { free(message.text); }

UNIT_MAIN("offer", UNIT(messages_are_read_as_they_were_written),
          UNIT(errors_of_the_peer_are_quoted_and_ours_say_little),
          UNIT(offers_that_are_not_supported_are_named), UNIT(truncated_messages_are_malformed),
          UNIT(malformed_messages_are_rejected), UNIT(sizes_are_limited), UNIT(a_text_must_be_utf8),
          UNIT(names_are_never_paths), UNIT(clean))
