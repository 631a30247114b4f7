/* The command line of the program `wormhole`. */
#include "shell/arguments.h"

#include "unit.h"

static struct p2p_arguments got;
static struct p2p_err err;

#define PARSE(...)                                                           \
  p2p_arguments_parse((int)(sizeof(char *[]){__VA_ARGS__} / sizeof(char *)), \
                      (char *[]){__VA_ARGS__}, &got, &err)
#define REFUSES(words, ...)                       \
  do {                                            \
    CHECK(PARSE(__VA_ARGS__) == P2P_ERR_INVALID); \
    CHECK(strstr(err.message, words) != NULL);    \
  } while (0)

TEST(a_file_or_a_text_is_sent) {
  CHECK(PARSE("send", "my file") == P2P_OK);
  CHECK(got.action == P2P_SHELL_SEND && got.text == NULL && got.code == NULL && got.listen &&
        !got.verify && !got.has_progress);
  CHECK(got.timeout_ms == 600000);
  CHECK_STR(got.file, "my file");
  CHECK(PARSE("send", "--text", "hello", "--code=7-a-b") == P2P_OK);
  CHECK_STR(got.text, "hello");
  CHECK_STR(got.code, "7-a-b");
  CHECK(PARSE("send", "--text=--help yourself") == P2P_OK);
  CHECK_STR(got.text, "--help yourself");
  CHECK(PARSE("send", "--code", "7-a-b", "file") == P2P_OK);
  CHECK_STR(got.file, "file");
}

TEST(a_code_is_received) {
  CHECK(PARSE("receive", "7-a-b", "--path=x", "--mailbox=ws://m/v1", "--relay=") == P2P_OK);
  CHECK(got.action == P2P_SHELL_RECEIVE);
  CHECK_STR(got.code, "7-a-b");
  CHECK_STR(got.path, "x");
  CHECK_STR(got.mailbox, "ws://m/v1");
  CHECK_STR(got.relay, "");
  CHECK(PARSE("receive", "--code=7-a-b") == P2P_OK);
  CHECK_STR(got.code, "7-a-b");
}

TEST(flags_are_with_and_without_values) {
  CHECK(PARSE("receive", "7-a", "--verify", "--no-listen", "--progress=FALSE", "--timeout",
              "2.5") == P2P_OK);
  CHECK(got.verify && !got.listen && got.has_progress && !got.progress && got.timeout_ms == 2500);
  CHECK(PARSE("receive", "7-a", "--listen=F", "--progress", "--timeout=Inf") == P2P_OK);
  CHECK(!got.listen && got.progress && got.timeout_ms == 4000000000u);
}

TEST(help_and_version_need_nothing_else) {
  CHECK(PARSE("--help") == P2P_OK && got.action == P2P_SHELL_HELP);
  CHECK(PARSE("help") == P2P_OK && got.action == P2P_SHELL_HELP);
  CHECK(PARSE("send", "--help") == P2P_OK && got.action == P2P_SHELL_HELP);
  CHECK(PARSE("--version") == P2P_OK && got.action == P2P_SHELL_VERSION);
}

TEST(what_makes_no_sense_is_told) {
  REFUSES("'send' or 'receive'", "give", "x");
  REFUSES("'send' or 'receive'", "--text=x");
  REFUSES("either a file or a text", "send");
  REFUSES("either a file or a text", "send", "x", "--text=y");
  REFUSES("the code", "receive");
  REFUSES("one word too many", "receive", "7-a", "b");
  REFUSES("Unknown flag --colour", "send", "x", "--colour=red");
  REFUSES("--code is given twice", "send", "x", "--code=a", "--code", "b");
  REFUSES("--text=VALUE", "send", "--text");
  REFUSES("neither TRUE nor FALSE", "send", "x", "--verify=maybe");
  REFUSES("no number of seconds", "send", "x", "--timeout=soon");
  REFUSES("no number of seconds", "send", "x", "--timeout=-1");
  REFUSES("no number of seconds", "send", "x", "--timeout=nan");
}

UNIT_MAIN("arguments", UNIT(a_file_or_a_text_is_sent), UNIT(a_code_is_received),
          UNIT(flags_are_with_and_without_values), UNIT(help_and_version_need_nothing_else),
          UNIT(what_makes_no_sense_is_told))
