/* Lines with the badge of their sender: whose are believed, and which change is noticed. */
#include "protocol/certified_line.h"

#include "credentials_fixture.h"
#include "crypto/random.h"

#define CLUSTER "alice/friends"
#define ID "fedcba98765432100123456789abcdef"
#define HELLO "when=2026-11-18T11:06:40,type=worker,from=carol@desk:4711,member=" ID ",slots=3"

static struct p2p_credentials bob, carol;
static struct p2p_line line;
static struct p2p_line_badge badge;
static char text[P2P_LINE_MAX + 1];

static void sign(const char *plain, const struct p2p_credentials *by, uint64_t number) {
  CHECK(p2p_line_parse(plain, strlen(plain), &line) == P2P_OK);
  CHECK(p2p_certified_line_sign(&line, by, number) == P2P_OK);
  long length = p2p_line_format(&line, text, sizeof text);
  CHECK(length > 0);
  text[length - 1] = '\0';
}

static bool is_believed(const char *changed) {
  CHECK(p2p_line_parse(changed, strlen(changed), &line) == P2P_OK);
  return p2p_certified_line_check(&line, &bob, NULL, &badge);
}

TEST(prepare) {
  CHECK(p2p_crypto_init() == P2P_OK);
  p2p_sign_keypair(&owner, &owner_secret);
  enrol(&bob, CLUSTER, "bob", 1, 7);
  enrol(&carol, CLUSTER, "carol", 1, 7);
}

TEST(a_signed_line_shows_whose_it_is) {
  sign(HELLO, &carol, UINT64_MAX);
  CHECK(strncmp(text, HELLO ",number=ffffffffffffffff,device=", strlen(HELLO) + 32) == 0);
  CHECK(is_believed(text) && badge.number == UINT64_MAX);
  CHECK_STR(badge.user, "carol");
  CHECK(p2p_sign_same(&badge.device, &carol.device));
}

TEST(a_line_without_a_sender_is_not_signed) {
  CHECK(p2p_line_parse("when=x,type=worker", 18, &line) == P2P_OK);
  CHECK(p2p_certified_line_sign(&line, &carol, 1) == P2P_ERR_INVALID);
}

TEST(every_changed_byte_is_noticed) {
  sign(HELLO, &carol, 1);
  size_t length = strlen(text);
  for (size_t i = 5; i < length; i++) {
    char was = text[i];
    text[i] = was == 'x' ? 'y' : 'x';
    if (p2p_line_parse(text, length, &line) == P2P_OK)
      CHECK(!p2p_certified_line_check(&line, &bob, NULL, &badge));
    text[i] = was;
  }
  CHECK(is_believed(text));
}

TEST(every_part_must_be_there_and_the_proof_last) {
  static const char *const keys[] = {
      ",number=", ",device=", ",certificate=", ",proof=", ",from=", ",slots="};
  char less[P2P_LINE_MAX + 16];
  sign(HELLO, &carol, 1);
  for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
    const char *at = strstr(text, keys[i]), *end = strchr(at + 1, ',');
    snprintf(less, sizeof less, "%.*s%s", (int)(at - text), text, end != NULL ? end : "");
    CHECK(!is_believed(less));
  }
  snprintf(less, sizeof less, "%s,slots=4", text);
  CHECK(!is_believed(less));
  CHECK(!is_believed("when=x"));
}

TEST(a_proof_of_the_wrong_length_is_refused) {
  char other[P2P_LINE_MAX + 16];
  sign(HELLO, &carol, 1);
  for (size_t cut = 1; cut < 86; cut++) {
    snprintf(other, sizeof other, "%.*s", (int)(strlen(text) - cut), text);
    CHECK(!is_believed(other));
  }
  snprintf(other, sizeof other, "%sA", text);
  CHECK(!is_believed(other));
}

TEST(only_the_user_of_the_certificate_is_believed) {
  sign(HELLO, &bob, 1);
  CHECK(!is_believed(text));
  struct p2p_credentials later, elsewhere, forged = carol;
  enrol(&later, CLUSTER, "carol", 2, 7);
  sign(HELLO, &later, 1);
  CHECK(!is_believed(text));
  enrol(&elsewhere, "alice/others", "carol", 1, 7);
  sign(HELLO, &elsewhere, 1);
  CHECK(!is_believed(text));
  forged.device = bob.device; /* her certificate, and not her device */
  sign(HELLO, &forged, 1);
  CHECK(!is_believed(text));
}

TEST(an_expelled_device_is_not_believed) {
  sign(HELLO, &carol, 1);
  bob.expelled[bob.n_expelled++] = carol.device;
  CHECK(!is_believed(text));
  bob.n_expelled = 0;
  CHECK(is_believed(text));
}

/* The device of another user, and one that was expelled since. */
TEST(a_known_badge_stands_for_its_certificate_only) {
  struct p2p_credentials forged = carol;
  struct p2p_line_badge known;
  sign(HELLO, &carol, 1);
  CHECK(is_believed(text));
  known = badge;
  memset(forged.certificate, 0, sizeof forged.certificate);
  sign(HELLO, &forged, 2);
  CHECK(!p2p_certified_line_check(&line, &bob, NULL, &badge));
  CHECK(p2p_certified_line_check(&line, &bob, &known, &badge) && badge.number == 2);
  bob.expelled[bob.n_expelled++] = carol.device;
  CHECK(!p2p_certified_line_check(&line, &bob, &known, &badge));
  bob.n_expelled = 0;
  snprintf(known.user, sizeof known.user, "dave");
  CHECK(!p2p_certified_line_check(&line, &bob, &known, &badge));
  snprintf(known.user, sizeof known.user, "carol");
  forged.device_secret = bob.device_secret;
  sign(HELLO, &forged, 3);
  CHECK(!p2p_certified_line_check(&line, &bob, &known, &badge));
}

TEST(a_line_without_room_is_not_signed) {
  char full[P2P_LINE_MAX];
  int length = snprintf(full, sizeof full, "%s,note=", HELLO);
  memset(full + length, 'x', sizeof full - 1 - (size_t)length - 100);
  full[sizeof full - 101] = '\0';
  CHECK(p2p_line_parse(full, strlen(full), &line) == P2P_OK);
  CHECK(p2p_certified_line_sign(&line, &carol, 1) == P2P_ERR_TOO_LARGE);
}

UNIT_MAIN("certified_line", UNIT(prepare), UNIT(a_signed_line_shows_whose_it_is),
          UNIT(a_line_without_a_sender_is_not_signed), UNIT(every_changed_byte_is_noticed),
          UNIT(every_part_must_be_there_and_the_proof_last),
          UNIT(a_proof_of_the_wrong_length_is_refused),
          UNIT(only_the_user_of_the_certificate_is_believed),
          UNIT(an_expelled_device_is_not_believed),
          UNIT(a_known_badge_stands_for_its_certificate_only),
          UNIT(a_line_without_room_is_not_signed))
