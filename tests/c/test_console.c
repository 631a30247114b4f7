/* What the program `wormhole` shows to its user. */
#include "shell/console.h"

#include "unit.h"

static void check_size(uint64_t bytes, const char *expected) {
  char text[P2P_CONSOLE_SIZE_MAX];
  p2p_console_size(bytes, text);
  CHECK_STR(text, expected);
}

TEST(sizes_have_units) {
  check_size(0, "0 bytes");
  check_size(1, "1 byte");
  check_size(999, "999 bytes");
  check_size(1000, "1.0 kB");
  check_size(123456, "123 kB");
  check_size(1234567890, "1.2 GB");
  check_size(UINT64_MAX, "18447 PB");
}

/* The reasons that board/, wormhole/ and transfer/ give, and those of the program itself. */
TEST(every_reason_has_advice) {
  static const char *const REASONS[] = {
      "crowded",           "directory_offered", "file_exists",        "is_directory",
      "mailbox_lost",      "no_directory",      "mailbox_permission", "text_too_long",
      "text_not_utf8",     "wrong_code",        "agent_timeout",      "board_silent",
      "board_unreachable", "changed_host_key",  "host_form",          "key_exposed",
      "config_exposed",    "revoked_host_key",  "keys_rejected",      "no_answer",
      "no_ssh_key",        "no_ssh_program",    "no_user_entry",      "not_a_board",
      "ssh_argument",      "ssh_failed",        "ssh_files",          "ssh_silent",
      "no_sender",         "no_receiver",       "transfer_overdue",   "mailbox_unreachable",
      "strict_host_key",   "too_many_keys",     "unknown_host_key",   "unknown_host_key_unseen"};

  for (size_t i = 0; i < sizeof REASONS / sizeof REASONS[0]; i++) {
    const char *advice = p2p_console_advice(REASONS[i]);
    CHECK(advice != NULL && advice[strlen(advice) - 1] == '.');
  }
  CHECK(p2p_console_advice(NULL) == NULL);
  CHECK(p2p_console_advice("unknown") == NULL);
}

UNIT_MAIN("console", UNIT(sizes_have_units), UNIT(every_reason_has_advice))
