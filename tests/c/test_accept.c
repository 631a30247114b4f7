/* The accept line: exact text, round trip, truncated, malformed and sealed to another key. */
#include <stdlib.h>
#include <time.h>

#include "unit.h"

#include "base/encode.h"
#include "crypto/random.h"
#include "protocol/accept.h"

#define US "fedcba98765432100123456789abcdef"
#define BOB "0123456789abcdeffedcba9876543210"
#define CODE "12-0123456789abcdef0123456789abcdef"

static struct p2p_seal_public public_key;
static struct p2p_seal_secret secret_key;

static const char *member = BOB; /* of the next lines; NULL: none */
static const char *hello;        /* of the next lines; NULL: none */

static int read_line(const char *type, const char *from, const char *to, const char *via,
                     struct p2p_accept *out) {
  struct p2p_line line;
  p2p_line_init(&line);
  CHECK(p2p_line_put(&line, "when", "2026-11-20T22:04:24") == P2P_OK);
  if (type != NULL) CHECK(p2p_line_put(&line, "type", type) == P2P_OK);
  if (from != NULL) CHECK(p2p_line_put(&line, "from", from) == P2P_OK);
  if (member != NULL) CHECK(p2p_line_put(&line, "member", member) == P2P_OK);
  if (to != NULL) CHECK(p2p_line_put(&line, "to", to) == P2P_OK);
  if (hello != NULL) CHECK(p2p_line_put(&line, "hello", hello) == P2P_OK);
  if (via != NULL) CHECK(p2p_line_put(&line, "via", via) == P2P_OK);
  return p2p_accept_read(&line, US, &public_key, &secret_key, out);
}

static const char *seal(const char *code) {
  static char via[1024];
  uint8_t sealed[512];
  CHECK(p2p_seal(&public_key, code, strlen(code), sealed) == P2P_OK);
  memcpy(via, "link://", 7);
  p2p_base64url_encode(sealed, strlen(code) + P2P_SEAL_OVERHEAD, via + 7);
  return via;
}

static int read_code(const char *code) {
  struct p2p_accept accept;
  return read_line("accept", "bob@laptop:99", US, seal(code), &accept);
}

TEST(our_accept_is_opened) {
  struct p2p_accept accept;
  CHECK(read_line("accept", "bob@laptop:99", US, seal(CODE), &accept) == P2P_OK);
  CHECK_STR(accept.code, CODE);
  CHECK_STR(accept.client.name, "bob@laptop:99");
  CHECK_STR(accept.client.id, BOB);
}

static int write_accept(const char *from, const char *to, const char *code, struct p2p_line *line) {
  struct p2p_identity client = {.id = BOB};
  snprintf(client.name, sizeof client.name, "%s", from);
  struct p2p_accept_request request = {
      .from = &client, .to = to, .code = code, .key = &public_key, .hello = hello};
  return p2p_accept_write(line, &request, 1795000000);
}

TEST(a_written_accept_has_its_exact_text_and_is_read_back) {
  struct p2p_accept accept;
  struct p2p_line line, again;
  char text[P2P_LINE_MAX + 1];
  const char *begin = "when=2026-11-18T11:06:40,expires=1795000030,type=accept,from=bob@laptop:99,"
                      "member=" BOB ",to=" US ",via=link://";
  setenv("TZ", "UTC", 1);
  tzset();
  CHECK(write_accept("bob@laptop:99", US, CODE, &line) == P2P_OK);
  long length = p2p_line_format(&line, text, sizeof text);
  CHECK(length > 0 && strncmp(text, begin, strlen(begin)) == 0);
  CHECK((size_t)length == strlen(begin) + (sizeof CODE - 1 + P2P_SEAL_OVERHEAD) * 4 / 3 + 1 + 1);
  CHECK(p2p_line_parse(text, (size_t)length - 1, &again) == P2P_OK);
  CHECK(p2p_accept_read(&again, US, &public_key, &secret_key, &accept) == P2P_OK);
  CHECK_STR(accept.code, CODE);
  CHECK_STR(accept.client.name, "bob@laptop:99");
  CHECK_STR(accept.client.id, BOB);
}

TEST(with_a_cluster_key_an_accept_quotes_a_hello) {
  struct p2p_accept accept;
  struct p2p_line line;
  hello = "0123456789abcdef";
  CHECK(write_accept("bob@laptop:99", US, strchr(CODE, '-') + 1, &line) == P2P_OK);
  CHECK(p2p_accept_read(&line, US, &public_key, &secret_key, &accept) == P2P_OK);
  CHECK_STR(accept.code, strchr(CODE, '-') + 1);
  CHECK_STR(accept.hello, hello);
  CHECK(write_accept("bob@laptop:99", US, CODE, &line) == P2P_ERR_INVALID);
  CHECK(read_code(CODE) == P2P_ERR_CRYPTO); /* has a nameplate */
  static const char *const malformed[] = {"", "0123456789abcde", "0123456789abcdef0",
                                          "0123456789abcdeg"};
  for (size_t i = 0; i < sizeof malformed / sizeof malformed[0]; i++) {
    hello = malformed[i];
    CHECK(write_accept("bob@laptop:99", US, strchr(CODE, '-') + 1, &line) == P2P_ERR_INVALID);
    CHECK(read_code(strchr(CODE, '-') + 1) == P2P_ERR_PARSE);
  }
  hello = NULL;
  CHECK(read_code(strchr(CODE, '-') + 1) == P2P_ERR_CRYPTO); /* has no nameplate */
}

TEST(what_the_reader_would_refuse_is_not_written) {
  struct p2p_line line;
  char longest[P2P_LINK_CODE_MAX + 1];
  memset(longest, '1', sizeof longest);
  longest[P2P_LINK_CODE_MAX] = '\0';
  CHECK(write_accept("bob", US, CODE, &line) == P2P_ERR_INVALID && line.used == 0);
  CHECK(write_accept("bob@laptop:99", "carol", CODE, &line) == P2P_ERR_INVALID);
  CHECK(write_accept("bob@laptop:99", US, "", &line) == P2P_ERR_INVALID);
  CHECK(write_accept("bob@laptop:99", US, "1-crossover-clockwork", &line) == P2P_ERR_INVALID);
  CHECK(write_accept("bob@laptop:99", US, longest, &line) == P2P_ERR_INVALID);
}

TEST(lines_that_are_not_for_us_are_left) {
  struct p2p_accept accept;
  CHECK(read_line("offer", "bob@laptop:99", US, seal(CODE), &accept) == P2P_ERR_CANCELED);
  CHECK(read_line(NULL, "bob@laptop:99", US, seal(CODE), &accept) == P2P_ERR_CANCELED);
  CHECK(read_line("accept", "bob@laptop:99", "fedcba98765432100123456789abcdee", seal(CODE),
                  &accept) == P2P_ERR_CANCELED);
  CHECK(read_line("accept", "bob@laptop:99", NULL, seal(CODE), &accept) == P2P_ERR_CANCELED);
}

TEST(malformed_accepts_are_refused) {
  struct p2p_accept accept;
  char via[600];
  CHECK(read_line("accept", NULL, US, seal(CODE), &accept) == P2P_ERR_PARSE);
  CHECK(read_line("accept", "bob", US, seal(CODE), &accept) == P2P_ERR_PARSE);
  static const char *const members[] = {NULL, "", "bob@laptop:99", BOB "0"};
  for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
    member = members[i];
    CHECK(read_line("accept", "bob@laptop:99", US, seal(CODE), &accept) == P2P_ERR_PARSE);
  }
  member = BOB;
  CHECK(read_line("accept", "bob@laptop:99", US, NULL, &accept) == P2P_ERR_PARSE);
  CHECK(read_line("accept", "bob@laptop:99", US, "wormhole://1-2", &accept) == P2P_ERR_PARSE);
  CHECK(read_line("accept", "bob@laptop:99", US, "link://", &accept) == P2P_ERR_PARSE);
  CHECK(read_line("accept", "bob@laptop:99", US, "link://%%%%", &accept) == P2P_ERR_PARSE);
  memset(via, 'A', sizeof via);
  memcpy(via, "link://", 7);
  via[sizeof via - 1] = '\0';
  CHECK(read_line("accept", "bob@laptop:99", US, via, &accept) == P2P_ERR_PARSE);
  snprintf(via, sizeof via, "%s", seal(CODE)); /* every truncation */
  for (size_t length = strlen(via) - 1; length > 7; length--) {
    via[length] = '\0';
    int code = read_line("accept", "bob@laptop:99", US, via, &accept);
    CHECK(code == P2P_ERR_PARSE || code == P2P_ERR_CRYPTO);
  }
}

TEST(another_key_does_not_open) {
  struct p2p_accept accept;
  char via[600];
  snprintf(via, sizeof via, "%s", seal(CODE));
  p2p_seal_keypair(&public_key, &secret_key);
  CHECK(read_line("accept", "bob@laptop:99", US, via, &accept) == P2P_ERR_CRYPTO);
}

TEST(what_was_sealed_must_be_a_code) {
  CHECK(read_code("1-0123456789abcdef0123456789abcdef") == P2P_OK);
  CHECK(read_code("1234567890123456-0123456789abcdef0123456789abcdef") == P2P_OK);
  CHECK(read_code("12345678901234567-0123456789abcdef0123456789abcdef") == P2P_ERR_CRYPTO);
  CHECK(read_code("-0123456789abcdef0123456789abcdef") == P2P_ERR_CRYPTO);
  CHECK(read_code("1-0123456789abcdef0123456789abcde") == P2P_ERR_CRYPTO);
  CHECK(read_code("1-0123456789abcdef0123456789abcdef0") == P2P_ERR_CRYPTO);
  CHECK(read_code("1-0123456789ABCDEF0123456789abcdef") == P2P_ERR_CRYPTO);
  CHECK(read_code("1-crossover-clockwork") == P2P_ERR_CRYPTO);
  CHECK(read_code("") == P2P_ERR_PARSE);
}

TEST(prepare) {
  CHECK(p2p_crypto_init() == P2P_OK);
  p2p_seal_keypair(&public_key, &secret_key);
}

UNIT_MAIN("accept", UNIT(prepare), UNIT(our_accept_is_opened),
          UNIT(a_written_accept_has_its_exact_text_and_is_read_back),
          UNIT(with_a_cluster_key_an_accept_quotes_a_hello),
          UNIT(what_the_reader_would_refuse_is_not_written),
          UNIT(lines_that_are_not_for_us_are_left), UNIT(malformed_accepts_are_refused),
          UNIT(what_was_sealed_must_be_a_code), UNIT(another_key_does_not_open))
