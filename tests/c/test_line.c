/* The lines of the board: round trip, caps, malformed lines, and a stream cut anywhere. */
#include "protocol/line.h"

#include <stdlib.h>

#include "unit.h"

static char big[4 * P2P_LINE_MAX];

static void fill(char *out, size_t length) {
  memset(out, 'x', length);
  out[length] = '\0';
}

TEST(a_line_is_formatted_in_the_order_of_its_pairs) {
  struct p2p_line line;
  char text[128];
  p2p_line_init(&line);
  CHECK(p2p_line_put(&line, "when", "2026-11-20T22:04:24") == P2P_OK);
  CHECK(p2p_line_putf(&line, "expires", "%d", 1700000000) == P2P_OK);
  CHECK(p2p_line_put(&line, "users", "") == P2P_OK);
  const char *expected = "when=2026-11-20T22:04:24,expires=1700000000,users=\n";
  CHECK(p2p_line_format(&line, text, sizeof text) == (long)strlen(expected));
  CHECK_STR(text, expected);
  CHECK(p2p_line_format(&line, text, strlen(expected)) == P2P_ERR_TOO_LARGE);
  CHECK(p2p_line_format(&line, text, strlen(expected) + 1) > 0);
}

TEST(a_failed_put_changes_nothing) {
  struct p2p_line line;
  char text[64];
  p2p_line_init(&line);
  CHECK(p2p_line_put(&line, "when", "now") == P2P_OK);
  CHECK(p2p_line_put(&line, "", "x") == P2P_ERR_INVALID);
  CHECK(p2p_line_put(&line, "a=b", "x") == P2P_ERR_INVALID);
  CHECK(p2p_line_put(&line, "a", "x,y") == P2P_ERR_INVALID);
  CHECK(p2p_line_put(&line, "a", "x=y") == P2P_ERR_INVALID);
  CHECK(p2p_line_put(&line, "a", "x\ny") == P2P_ERR_INVALID);
  CHECK(p2p_line_put(&line, "a", "x\x7fy") == P2P_ERR_INVALID);
  fill(big, P2P_LINE_KEY_MAX + 1);
  CHECK(p2p_line_put(&line, big, "x") == P2P_ERR_TOO_LARGE);
  fill(big, P2P_LINE_MAX);
  CHECK(p2p_line_put(&line, "a", big) == P2P_ERR_TOO_LARGE);
  CHECK(p2p_line_putf(&line, "a", "%s", big) == P2P_ERR_TOO_LARGE);
  CHECK(p2p_line_format(&line, text, sizeof text) == 9);
  CHECK_STR(text, "when=now\n");
}

TEST(the_longest_line_is_P2P_LINE_MAX_with_its_newline) {
  struct p2p_line line, again;
  char text[P2P_LINE_MAX + 1];
  p2p_line_init(&line);
  CHECK(p2p_line_put(&line, "when", "now") == P2P_OK);
  size_t room = P2P_LINE_MAX - 1 - strlen("when=now,a=");
  fill(big, room + 1);
  CHECK(p2p_line_put(&line, "a", big) == P2P_ERR_TOO_LARGE);
  fill(big, room);
  CHECK(p2p_line_put(&line, "a", big) == P2P_OK);
  CHECK(p2p_line_put(&line, "b", "") == P2P_ERR_TOO_LARGE);
  CHECK(p2p_line_format(&line, text, sizeof text) == P2P_LINE_MAX);
  CHECK(p2p_line_parse(text, P2P_LINE_MAX - 1, &again) == P2P_OK);
  CHECK_STR(p2p_line_get(&again, "a"), big);
}

TEST(a_line_has_at_most_so_many_pairs) {
  struct p2p_line line;
  char text[512] = "when=x";
  p2p_line_init(&line);
  for (int i = 0; i < P2P_LINE_PAIRS_MAX; i++) CHECK(p2p_line_put(&line, "k", "v") == P2P_OK);
  CHECK(p2p_line_put(&line, "k", "v") == P2P_ERR_TOO_LARGE);
  for (int i = 0; i < P2P_LINE_PAIRS_MAX; i++) strcat(text, ",k=v");
  CHECK(p2p_line_parse(text, strlen(text), &line) == P2P_ERR_TOO_LARGE);
  CHECK(line.used == 0);
  CHECK(p2p_line_parse(text, strlen(text) - 4, &line) == P2P_OK);
  CHECK(line.used == P2P_LINE_PAIRS_MAX);
}

static int parse(const char *text) {
  struct p2p_line line;
  size_t length = strlen(text);
  char *exact = malloc(length + 1); /* so that a read beyond the end is seen */
  memcpy(exact, text, length);
  int code = p2p_line_parse(exact, length, &line);
  free(exact);
  return code;
}

TEST(malformed_lines_are_refused) {
  CHECK(parse("") == P2P_ERR_PARSE);
  CHECK(parse("\r") == P2P_ERR_PARSE);
  CHECK(parse("whe") == P2P_ERR_PARSE);
  CHECK(parse("hello") == P2P_ERR_PARSE);
  CHECK(parse("type=client,when=now") == P2P_ERR_PARSE);
  CHECK(parse(" when=now") == P2P_ERR_PARSE);
  CHECK(parse("when=now,") == P2P_ERR_PARSE);
  CHECK(parse("when=now,,a=b") == P2P_ERR_PARSE);
  CHECK(parse("when=now,a") == P2P_ERR_PARSE);
  CHECK(parse("when=now,=b") == P2P_ERR_PARSE);
  CHECK(parse("when=now,a=b=c") == P2P_ERR_PARSE);
  CHECK(parse("when=now,typewhen=now,a=b") == P2P_ERR_PARSE);
  CHECK(parse("when=now,when=now,a=b") == P2P_ERR_PARSE);
  CHECK(parse("when=now,whence=now,hen=when") == P2P_OK);
  CHECK(parse("when=now,a=\tb") == P2P_ERR_PARSE);
  CHECK(parse("when=now,a=\x1b[2J") == P2P_ERR_PARSE);
  CHECK(parse("when=now\r\r") == P2P_ERR_PARSE);
  CHECK(parse("when=") == P2P_OK);
  CHECK(parse("when=now,a=b\r") == P2P_OK);
  struct p2p_line line;
  CHECK(p2p_line_parse("when=a\0b", 8, &line) == P2P_ERR_PARSE);
}

TEST(the_first_of_two_equal_keys_counts) {
  struct p2p_line line;
  const char *text = "when=now,from=alice,from=mallory\r";
  CHECK(p2p_line_parse(text, strlen(text), &line) == P2P_OK);
  CHECK_STR(p2p_line_get(&line, "from"), "alice");
  CHECK(p2p_line_get(&line, "fro") == NULL);
}

struct found {
  int lines;
  char text[512]; /* the value of n= of each */
};

static void on_line(void *arg, const struct p2p_line *line) {
  struct found *found = arg;
  const char *n = p2p_line_get(line, "n");
  found->lines++;
  strcat(found->text, n == NULL ? "?" : n);
}

static void feed_in_steps(const char *text, size_t length, size_t step, struct found *found,
                          struct p2p_line_reader *reader) {
  memset(found, 0, sizeof *found);
  p2p_line_reader_init(reader);
  for (size_t at = 0; at < length; at += step) {
    p2p_line_reader_feed(reader, text + at, length - at < step ? length - at : step, on_line,
                         found);
  }
}

TEST(a_reader_finds_the_same_lines_however_the_bytes_are_cut) {
  const char *text =
      "when=1,n=a\nwhen=1,n=b\r\ngarbage\n\nwhen=1,n=c,xwhen=1,n=d=e\nwhen=1,n=f\nwhen=1,n=g";
  struct found found;
  struct p2p_line_reader reader;
  for (size_t step = 1; step <= strlen(text); step++) {
    feed_in_steps(text, strlen(text), step, &found, &reader);
    CHECK_STR(found.text, "abf");
    CHECK(reader.lines == 3 && reader.dropped == 3);
  }
  p2p_line_reader_feed(&reader, "h\n", 2, on_line, &found);
  CHECK_STR(found.text, "abfgh");
}

TEST(a_reader_skips_a_line_that_is_too_long) {
  struct found found;
  struct p2p_line_reader reader;
  static char text[4 * P2P_LINE_MAX + 64];
  size_t length = (size_t)snprintf(text, sizeof text, "when=1,n=a\nwhen=1,n=");
  memset(text + length, 'x', 3 * P2P_LINE_MAX);
  length += 3 * P2P_LINE_MAX;
  length += (size_t)snprintf(text + length, sizeof text - length, "\nwhen=1,n=b\n");
  size_t steps[] = {1, 7, 4096, P2P_LINE_MAX, sizeof text};
  for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
    feed_in_steps(text, length, steps[i], &found, &reader);
    CHECK_STR(found.text, "ab");
    CHECK(reader.dropped == 1);
  }
}

TEST(a_line_of_just_P2P_LINE_MAX_bytes_is_read_and_one_more_is_not) {
  struct found found;
  struct p2p_line_reader reader;
  char text[P2P_LINE_MAX + 2];
  for (int extra = 0; extra < 2; extra++) {
    size_t length = P2P_LINE_MAX - 1 + (size_t)extra;
    memset(text, 'x', length);
    memcpy(text, "when=1,n=a,z=", 13);
    text[length] = '\n';
    feed_in_steps(text, length + 1, 1000, &found, &reader);
    CHECK(found.lines == 1 - extra);
    CHECK(reader.dropped == (uint64_t)extra);
  }
}

TEST(random_bytes_are_dropped) {
  struct found found = {0};
  struct p2p_line_reader reader;
  static const char letters[] = "when=,\n\rab\x01\x80";
  unsigned seed = 1;
  p2p_line_reader_init(&reader);
  for (int round = 0; round < 2000; round++) {
    char chunk[97];
    for (size_t i = 0; i < sizeof chunk; i++) {
      seed = seed * 1103515245u + 12345u;
      chunk[i] = letters[(seed >> 16) % (sizeof letters - 1)];
    }
    found.text[0] = '\0';
    p2p_line_reader_feed(&reader, chunk, sizeof chunk, on_line, &found);
  }
  CHECK(reader.dropped > 1000);
}

UNIT_MAIN("line", UNIT(a_line_is_formatted_in_the_order_of_its_pairs),
          UNIT(a_failed_put_changes_nothing),
          UNIT(the_longest_line_is_P2P_LINE_MAX_with_its_newline),
          UNIT(a_line_has_at_most_so_many_pairs), UNIT(malformed_lines_are_refused),
          UNIT(the_first_of_two_equal_keys_counts),
          UNIT(a_reader_finds_the_same_lines_however_the_bytes_are_cut),
          UNIT(a_reader_skips_a_line_that_is_too_long),
          UNIT(a_line_of_just_P2P_LINE_MAX_bytes_is_read_and_one_more_is_not),
          UNIT(random_bytes_are_dropped))
