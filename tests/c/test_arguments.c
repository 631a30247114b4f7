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
  CHECK(got.command == P2P_COMMAND_SEND && got.text == NULL && got.code == NULL && got.listen &&
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
  CHECK(got.command == P2P_COMMAND_RECEIVE);
  CHECK_STR(got.code, "7-a-b");
  CHECK_STR(got.path, "x");
  CHECK_STR(got.mailbox, "ws://m/v1");
  CHECK_STR(got.relay, "");
  CHECK(PARSE("receive", "--code=7-a-b") == P2P_OK);
  CHECK_STR(got.code, "7-a-b");
}

TEST(options_are_with_and_without_values) {
  CHECK(PARSE("receive", "7-a", "--verify", "--no-listen", "--progress=FALSE", "--timeout",
              "2.5") == P2P_OK);
  CHECK(got.verify && !got.listen && got.has_progress && !got.progress && got.timeout_ms == 2500);
  CHECK(PARSE("receive", "7-a", "--listen=F", "--progress", "--timeout=Inf") == P2P_OK);
  CHECK(!got.listen && got.progress && got.timeout_ms == 4000000000u);
}

TEST(help_and_version_need_nothing_else) {
  CHECK(PARSE("--help") == P2P_OK && got.command == P2P_COMMAND_HELP);
  CHECK(PARSE("help") == P2P_OK && got.command == P2P_COMMAND_HELP);
  CHECK(PARSE("send", "--help") == P2P_OK && got.command == P2P_COMMAND_HELP);
  CHECK(PARSE("--version") == P2P_OK && got.command == P2P_COMMAND_VERSION);
}

TEST(errors_name_the_argument) {
  REFUSES("missing command", "--text=x");
  REFUSES("unknown command 'give'", "give", "x");
  REFUSES("unknown command ''", "");
  REFUSES("either a file or --text", "send");
  REFUSES("either a file or --text", "send", "x", "--text=y");
  REFUSES("missing code", "receive");
  REFUSES("the code was given twice", "receive", "7-a", "--code=8-b");
  REFUSES("--text is for send only", "receive", "7-a", "--text=x");
  REFUSES("--path is for receive only", "send", "x", "--path=y");
  REFUSES("unexpected argument 'b'", "receive", "7-a", "b");
  REFUSES("unknown option --colour", "send", "x", "--colour=red");
  REFUSES("unknown option --tex; did you mean --text?", "send", "--tex=hi");
  REFUSES("unknown option --paht; did you mean --path?", "receive", "7-a", "--paht", "x");
  REFUSES("unknown option --mail; did you mean --mailbox?", "send", "x", "--mail=y");
  REFUSES("unknown command 'recieve'; did you mean receive?", "recieve", "7-a");
  REFUSES("unknown command 'snd'; did you mean send?", "snd", "x");
  REFUSES("unknown option --", "send", "x", "--");
  REFUSES("unknown option --", "send", "x", "--=");
  REFUSES("--code was given twice", "send", "x", "--code=a", "--code", "b");
  REFUSES("--text requires a value", "send", "--text");
  REFUSES("invalid value 'maybe' for --verify", "send", "x", "--verify=maybe");
  REFUSES("invalid value '' for --progress", "send", "x", "--progress=");
  REFUSES("expected a number of seconds", "send", "x", "--timeout=soon");
  REFUSES("expected a number of seconds", "send", "x", "--timeout=-1");
  REFUSES("expected a number of seconds", "send", "x", "--timeout=nan");
  REFUSES("expected a number of seconds", "send", "x", "--timeout=1e-9");
  REFUSES("expected a number of seconds", "send", "x", "--timeout=1 s");
}

/* Every beginning of an option but the whole is unknown. */
TEST(options_are_not_abbreviated) {
  char option[16];
  for (size_t length = 2; length < strlen("--mailbox"); length++) {
    snprintf(option, sizeof option, "%.*s=x", (int)length, "--mailbox");
    REFUSES("unknown option", "send", "x", option);
  }
  CHECK(PARSE("send", "x", "--mailbox=x") == P2P_OK);
}

TEST(a_long_argument_is_cut_in_the_error) {
  static char argument[4 * P2P_ERR_MESSAGE_MAX];
  memset(argument, 'a', sizeof argument - 1);
  REFUSES("unexpected argument 'aaa", "send", "x", argument);
  CHECK(strlen(err.message) < P2P_ERR_MESSAGE_MAX);
}

UNIT_MAIN("arguments", UNIT(a_file_or_a_text_is_sent), UNIT(a_code_is_received),
          UNIT(options_are_with_and_without_values), UNIT(help_and_version_need_nothing_else),
          UNIT(errors_name_the_argument), UNIT(options_are_not_abbreviated),
          UNIT(a_long_argument_is_cut_in_the_error))
