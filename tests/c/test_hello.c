/* The HELLO of a link: strict, whole, truncated, oversized. */
#include "protocol/hello.h"

#include "unit.h"

#define GOOD "from=carol@desk:4711\nr=4.2.2\nfuture=1.70.0\nslots=3\nnew=thing\n"

static struct p2p_hello greeting;
static struct p2p_err err;

static int get(const char *text) { return p2p_hello_read(text, strlen(text), &greeting, &err); }

TEST(a_greeting_is_read) {
  CHECK(get(GOOD) == P2P_OK);
  CHECK_STR(greeting.from, "carol@desk:4711");
  CHECK_STR(greeting.r_version, "4.2.2");
  CHECK_STR(greeting.future_version, "1.70.0");
  CHECK(greeting.slots == 3);
}

TEST(a_truncated_one_is_refused) {
  size_t whole = strlen(GOOD) - strlen("\nnew=thing\n"); /* the last newline may be missing */
  for (size_t length = 0; length < whole; length++) {
    CHECK(p2p_hello_read(GOOD, length, &greeting, &err) == P2P_ERR_PROTOCOL);
  }
  CHECK(p2p_hello_read(GOOD, whole, &greeting, &err) == P2P_OK);
}

TEST(hostile_ones_are_refused) {
  CHECK(get("from=carol\nr=4.2.2\nfuture=1.70.0\nslots=3\n") == P2P_ERR_PROTOCOL);
  CHECK(get("from=carol@desk:1\nr=4.2.2;x\nfuture=1.70.0\nslots=3\n") == P2P_ERR_PROTOCOL);
  CHECK(get("from=carol@desk:1\nr=4.2.2\nfuture=1.70.0\nslots=0\n") == P2P_ERR_PROTOCOL);
  CHECK(get("from=carol@desk:1\nr=4.2.2\nfuture=1.70.0\nslots=4000000000\n") == P2P_ERR_PROTOCOL);
  CHECK(get("from=carol@desk:1\nr=4.2.2\nfuture=1.70.0\nslots=99999999999999999999\n") ==
        P2P_ERR_PROTOCOL);
  CHECK(p2p_hello_read(GOOD "\0", sizeof GOOD, &greeting, &err) == P2P_ERR_PROTOCOL);
  static char large[P2P_HELLO_MAX + 1];
  memset(large, '\n', sizeof large);
  memcpy(large, GOOD, strlen(GOOD));
  CHECK(p2p_hello_read(large, sizeof large, &greeting, &err) == P2P_ERR_PROTOCOL);
  CHECK(p2p_hello_read(large, sizeof large - 1, &greeting, &err) == P2P_OK);
}

TEST(ours_is_written) {
  char out[64];
  long length = p2p_hello_write("bob@laptop:1", "4.2.2", "1.70.0", out, sizeof out);
  CHECK(length > 0 && (size_t)length == strlen(out));
  CHECK_STR(out, "from=bob@laptop:1\nr=4.2.2\nfuture=1.70.0\n");
  CHECK(p2p_hello_write("bob@laptop:1", "4.2.2", "1.70.0", out, 20) == P2P_ERR_TOO_LARGE);
}

UNIT_MAIN("greeting", UNIT(a_greeting_is_read), UNIT(a_truncated_one_is_refused),
          UNIT(hostile_ones_are_refused), UNIT(ours_is_written))
