/* The short lines of the board: leave and access. */
#include "protocol/leave.h"

#include <stdlib.h>
#include <time.h>

#include "protocol/access_line.h"
#include "unit.h"

#define NOW 1795000000
#define ID "fedcba98765432100123456789abcdef"

static void check_text(const struct p2p_line *line, const char *expected) {
  char text[P2P_LINE_MAX + 1] = "";
  CHECK(p2p_line_format(line, text, sizeof text) > 0);
  CHECK_STR(text, expected);
}

static void parse(const char *text, struct p2p_line *line) {
  CHECK(p2p_line_parse(text, strlen(text), line) == P2P_OK);
}

TEST(leave_has_its_exact_text_and_is_read_back) {
  struct p2p_line line;
  struct p2p_identity carol = {ID, "carol@desk:4711"}, from;
  CHECK(p2p_leave_write(&line, &carol, NOW) == P2P_OK);
  check_text(&line, "when=2026-11-18T11:06:40,type=leave,from=carol@desk:4711,member=" ID "\n");
  CHECK(p2p_leave_read(&line, &from) == P2P_OK);
  CHECK_STR(from.name, carol.name);
  CHECK_STR(from.id, carol.id);
  carol.name[5] = '\0';
  CHECK(p2p_leave_write(&line, &carol, NOW) == P2P_ERR_INVALID && line.used == 0);
}

TEST(malformed_leave_lines_are_refused) {
  static const char *const texts[] = {"when=x,type=leave,from=carol,member=" ID,
                                      "when=x,type=leave,from=carol@desk:1,member=carol@desk:1",
                                      "when=x,type=leave,from=carol@desk:1,member=" ID "0",
                                      "when=x,type=leave,from=carol@desk:1",
                                      "when=x,type=leave,member=" ID};
  struct p2p_line line;
  struct p2p_identity from = {ID, "unchanged"};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    parse(texts[i], &line);
    CHECK(p2p_leave_read(&line, &from) == P2P_ERR_PARSE);
  }
  parse("when=x,type=worker,from=carol@desk:1,member=" ID, &line);
  CHECK(p2p_leave_read(&line, &from) == P2P_ERR_CANCELED);
  parse("when=x,from=carol@desk:1,member=" ID, &line);
  CHECK(p2p_leave_read(&line, &from) == P2P_ERR_CANCELED);
  CHECK_STR(from.name, "unchanged");
}

TEST(access_has_its_exact_text_and_is_read_back) {
  struct p2p_line line;
  struct p2p_access_line access = {"alice/friends", 5, 2, "bob;carol"}, read;
  CHECK(p2p_access_line_write(&line, &access, NOW) == P2P_OK);
  check_text(&line, "when=2026-11-18T11:06:40,owner=alice,nusers=2,users=bob;carol,"
                    "expires=1795000240\n");
  CHECK(p2p_access_line_read(&line, &read) == P2P_OK);
  CHECK(read.owner_length == 5 && memcmp(read.owner, "alice", 5) == 0 && read.n_users == 2);
  CHECK_STR(read.users, "bob;carol");
  access = (struct p2p_access_line){"alice", 5, 0, ""};
  CHECK(p2p_access_line_write(&line, &access, NOW) == P2P_OK);
  check_text(&line, "when=2026-11-18T11:06:40,owner=alice,nusers=0,users=,expires=1795000240\n");
  CHECK(p2p_access_line_read(&line, &read) == P2P_OK && read.n_users == 0);
}

TEST(malformed_access_lines_are_refused) {
  static const char *const texts[] = {
      "when=x,owner=alice",
      "when=x,owner=alice,nusers=1",
      "when=x,owner=,nusers=1,users=bob",
      "when=x,owner=-alice,nusers=1,users=bob",
      "when=x,owner=alice,nusers=2,users=bob",
      "when=x,owner=alice,nusers=0,users=bob",
      "when=x,owner=alice,nusers=1,users=",
      "when=x,owner=alice,nusers=2,users=bob;",
      "when=x,owner=alice,nusers=2,users=;bob",
      "when=x,owner=alice,nusers=1,users=b@b",
      "when=x,owner=alice,nusers=-1,users=bob",
      "when=x,owner=alice,nusers=99999999999,users=bob",
  };
  struct p2p_line line;
  struct p2p_access_line access = {"alice", 5, 3, "bob"};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    parse(texts[i], &line);
    CHECK(p2p_access_line_read(&line, &access) == P2P_ERR_PARSE);
  }
  parse("when=x,type=worker,owner=alice,nusers=1,users=bob", &line);
  CHECK(p2p_access_line_read(&line, &access) == P2P_ERR_CANCELED);
  parse("when=x,nusers=1,users=bob", &line);
  CHECK(p2p_access_line_read(&line, &access) == P2P_ERR_CANCELED);
  CHECK(access.n_users == 3); /* unchanged */
  CHECK(p2p_access_line_write(&line, &access, NOW) == P2P_ERR_INVALID && line.used == 0);
}

TEST(more_users_than_a_line_holds_are_too_large) {
  static char users[2 * P2P_LINE_MAX];
  struct p2p_line line;
  memset(users, 'a', sizeof users - 1);
  for (size_t at = 9; at < sizeof users - 1; at += 10) users[at] = ';';
  struct p2p_access_line access = {"alice", 5, sizeof users / 10 + 1, users};
  CHECK(p2p_access_line_write(&line, &access, NOW) == P2P_ERR_TOO_LARGE && line.used == 0);
}

TEST(prepare) {
  setenv("TZ", "UTC", 1);
  tzset();
}

UNIT_MAIN("leave", UNIT(prepare), UNIT(leave_has_its_exact_text_and_is_read_back),
          UNIT(malformed_leave_lines_are_refused), UNIT(access_has_its_exact_text_and_is_read_back),
          UNIT(malformed_access_lines_are_refused),
          UNIT(more_users_than_a_line_holds_are_too_large))
