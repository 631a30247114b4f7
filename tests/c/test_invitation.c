/* Invitations as text. */
#include <stdbool.h>

#include "keys/invitation.h"
#include "unit.h"

static const char TEXT[] =
    "p2p-invitation-1.YWxpY2UvZnJpZW5kcw.Ym9hcmQuZXhhbXBsZToyMjIy."
    "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc.AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";

static struct p2p_err err;
static struct p2p_invitation invitation;
static char text[P2P_INVITATION_TEXT_MAX];

static struct p2p_invitation example(void) {
  struct p2p_invitation out = {.cluster = "alice/friends", .board = "board.example:2222"};
  memset(out.owner.bytes, 7, sizeof out.owner.bytes);
  for (size_t i = 0; i < sizeof out.secret_key.bytes; i++) out.secret_key.bytes[i] = (uint8_t)i;
  return out;
}

TEST(an_invitation_comes_back) {
  struct p2p_invitation made = example();
  CHECK(p2p_invitation_write(&made, text) == P2P_OK);
  CHECK_STR(text, TEXT);
  CHECK(p2p_invitation_read(text, &invitation, &err) == P2P_OK);
  CHECK_STR(invitation.cluster, "alice/friends");
  CHECK_STR(invitation.board, "board.example:2222");
  CHECK(memcmp(&invitation.owner, &made.owner, sizeof made.owner) == 0);
  CHECK(memcmp(&invitation.secret_key, &made.secret_key, sizeof made.secret_key) == 0);
}

TEST(the_longest_names_fit) {
  struct p2p_invitation made = example();
  memset(made.cluster, 'a', sizeof made.cluster - 1);
  made.cluster[P2P_USER_NAME_MAX - 1] = '/';
  memset(made.board, 'b', P2P_HOST_MAX);
  memcpy(made.board + P2P_HOST_MAX, ":65535", 7);
  CHECK(p2p_invitation_write(&made, text) == P2P_OK);
  CHECK(p2p_invitation_read(text, &invitation, &err) == P2P_OK);
  CHECK_STR(invitation.cluster, made.cluster);
  CHECK_STR(invitation.board, made.board);
}

TEST(malformed_names_are_not_written) {
  struct p2p_invitation made = example();
  memcpy(made.cluster, "alice", 6);
  CHECK(p2p_invitation_write(&made, text) == P2P_ERR_INVALID);
  made = example();
  memcpy(made.board, "board", 6);
  CHECK(p2p_invitation_write(&made, text) == P2P_ERR_INVALID);
}

static void expect(const char *bad, int code, const char *reason) {
  static const struct p2p_invitation none;
  memset(&invitation, 1, sizeof invitation);
  CHECK(p2p_invitation_read(bad, &invitation, &err) == code);
  CHECK_STR(err.reason, reason);
  CHECK(memcmp(&invitation, &none, sizeof none) == 0);
}

TEST(other_texts_are_refused) {
  static const char *const bad[] = {
      /* an empty cluster, "alice/..", and "alice/a\0"; a board without a port */
      "p2p-invitation-1..Ym9hcmQuZXhhbXBsZToyMjIy.BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc."
      "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
      "p2p-invitation-1.YWxpY2UvLi4.Ym9hcmQuZXhhbXBsZToyMjIy."
      "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc.AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
      "p2p-invitation-1.YWxpY2UvYQA.Ym9hcmQuZXhhbXBsZToyMjIy."
      "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc.AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
      "p2p-invitation-1.YWxpY2UvZnJpZW5kcw.Ym9hcmQ."
      "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc.AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
      "p2p-invitation-0.YQ",
      "p2p-invitation-01.YQ",
      "p2p-invitation-.YQ",
      "7-guitar-wizard"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
    expect(bad[i], P2P_ERR_PARSE, "invitation");
  expect("p2p-invitation-2", P2P_ERR_VERSION, "keys_newer");
  expect("p2p-invitation-2.anything.else", P2P_ERR_VERSION, "keys_newer");
}

TEST(damaged_texts_are_refused) {
  char damaged[sizeof TEXT + 8];
  size_t length = strlen(TEXT);
  for (size_t cut = 0; cut < length; cut++) {
    memcpy(damaged, TEXT, cut);
    damaged[cut] = '\0';
    expect(damaged, P2P_ERR_PARSE, "invitation");
  }
  static const char *const endings[] = {" ", "\n", ".", ".more", "A", "="};
  for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
    snprintf(damaged, sizeof damaged, "%s%s", TEXT, endings[i]);
    expect(damaged, P2P_ERR_PARSE, "invitation");
  }
  for (size_t i = 0; i < length; i++) {
    memcpy(damaged, TEXT, length + 1);
    damaged[i] = '!';
    expect(damaged, P2P_ERR_PARSE, "invitation");
  }
}

TEST(an_oversized_text_is_refused) {
  static char large[8192];
  memset(large, 'a', sizeof large - 1);
  memcpy(large, TEXT, strlen(TEXT));
  expect(large, P2P_ERR_PARSE, "invitation");
  memcpy(large, "p2p-invitation-2.", strlen("p2p-invitation-2."));
  expect(large, P2P_ERR_PARSE, "invitation");
}

UNIT_MAIN("invitation", UNIT(an_invitation_comes_back), UNIT(the_longest_names_fit),
          UNIT(malformed_names_are_not_written), UNIT(other_texts_are_refused),
          UNIT(damaged_texts_are_refused), UNIT(an_oversized_text_is_refused))
