/* The transit handshake of both roles, direct and through a relay, in pieces of any size. */
#include "wormhole/handshake.h"

#include <stdlib.h>

#include "unit.h"

static const struct p2p_transit_key KEY = {{9}};

/* Feeds a text in steps. Returns the last state; *left is the number of bytes that were not
 * consumed.
 */
static enum p2p_handshake_state feed(struct p2p_handshake *handshake, const char *text, size_t step,
                                     size_t *left) {
  size_t total = strlen(text), at = 0;
  enum p2p_handshake_state state = handshake->state;

  while (at < total) {
    const uint8_t *bytes = (const uint8_t *)text + at;
    size_t length = total - at < step ? total - at : step, before = length;
    state = p2p_handshake_feed(handshake, &bytes, &length);
    at += before - length;
    if (state == P2P_HANDSHAKE_DECIDE || state == P2P_HANDSHAKE_DONE ||
        state == P2P_HANDSHAKE_FAILED)
      break;
  }
  *left = total - at;
  return state;
}

TEST(both_roles_complete_in_pieces_of_any_size) {
  for (size_t step = 1; step < 200; step++) {
    struct p2p_handshake sender, receiver;
    char text[2 * P2P_HANDSHAKE_LINE_MAX];
    size_t left;
    p2p_handshake_init(&sender, &KEY, true, NULL);
    p2p_handshake_init(&receiver, &KEY, false, NULL);
    CHECK(feed(&sender, p2p_handshake_line(&receiver), step, &left) == P2P_HANDSHAKE_DECIDE);
    CHECK(left == 0);
    snprintf(text, sizeof text, "%s%sRECORDS", p2p_handshake_line(&sender),
             p2p_handshake_decide(&sender, true));
    CHECK(sender.state == P2P_HANDSHAKE_DONE);
    CHECK(feed(&receiver, text, step, &left) == P2P_HANDSHAKE_DONE);
    CHECK(left == strlen("RECORDS"));
    p2p_handshake_clear(&sender);
    p2p_handshake_clear(&receiver);
  }
}

TEST(a_relay_is_asked_first) {
  for (size_t step = 1; step < 120; step++) {
    struct p2p_handshake sender, receiver;
    char text[2 * P2P_HANDSHAKE_LINE_MAX];
    size_t left;
    p2p_handshake_init(&sender, &KEY, true, "0123456789abcdef");
    p2p_handshake_init(&receiver, &KEY, false, NULL);
    const char *first = p2p_handshake_line(&sender);
    CHECK(strlen(first) == strlen("please relay  for side \n") + 64 + 16);
    CHECK(strncmp(first, "please relay ", 13) == 0 &&
          strcmp(first + 77, " for side 0123456789abcdef\n") == 0);
    snprintf(text, sizeof text, "ok\n%s", p2p_handshake_line(&receiver));
    CHECK(feed(&sender, text, step, &left) == P2P_HANDSHAKE_DECIDE);
    CHECK(strncmp(p2p_handshake_line(&sender), "transit sender ", 15) == 0);
  }
}

TEST(nevermind_ends_the_handshake) {
  struct p2p_handshake sender, receiver;
  size_t left;

  p2p_handshake_init(&sender, &KEY, true, NULL);
  p2p_handshake_init(&receiver, &KEY, false, NULL);
  CHECK(feed(&receiver, p2p_handshake_line(&sender), 7, &left) == P2P_HANDSHAKE_GO);
  CHECK(feed(&receiver, p2p_handshake_decide(&sender, false), 1, &left) == P2P_HANDSHAKE_FAILED);
  CHECK(sender.state == P2P_HANDSHAKE_FAILED);
}

TEST(another_key_is_refused) {
  struct p2p_transit_key other = {{8}};
  struct p2p_handshake handshake, stranger;
  size_t left;

  p2p_handshake_init(&handshake, &KEY, true, NULL);
  p2p_handshake_init(&stranger, &other, false, NULL);
  CHECK(feed(&handshake, p2p_handshake_line(&stranger), 200, &left) == P2P_HANDSHAKE_FAILED);
  /* Our own line, reflected. */
  p2p_handshake_init(&handshake, &KEY, true, NULL);
  CHECK(feed(&handshake, p2p_handshake_line(&handshake), 200, &left) != P2P_HANDSHAKE_DECIDE);
  p2p_handshake_init(&handshake, &KEY, true, "0123456789abcdef");
  CHECK(feed(&handshake, "bad handshake\n", 200, &left) == P2P_HANDSHAKE_FAILED);
  /* After the end, nothing is consumed. */
  CHECK(feed(&handshake, "ok\n", 200, &left) == P2P_HANDSHAKE_FAILED && left == 3);
}

UNIT_MAIN("handshake", UNIT(both_roles_complete_in_pieces_of_any_size),
          UNIT(a_relay_is_asked_first), UNIT(nevermind_ends_the_handshake),
          UNIT(another_key_is_refused))
