/* Admission: accepts that are repeated or too many, and links that give their place to others. */
#include "worker/admission.h"

#include "unit.h"

#define NOW 1000000
#define PLACES 64

static struct p2p_admission admission;
static struct p2p_admission_place places[PLACES];

static const char *check(int code, uint64_t now_ms) {
  char text[64];
  snprintf(text, sizeof text, "%d-0123456789abcdef0123456789abcdef", code);
  return p2p_admission_check(&admission, text, now_ms);
}

TEST(a_code_is_used_once) {
  p2p_admission_init(&admission, NOW);
  CHECK(check(1, NOW) == NULL);
  CHECK_STR(check(1, NOW), "its code was used before");
  CHECK(check(2, NOW) == NULL);
  for (int i = 0; i < 1000; i++) CHECK(check(10 + i, NOW + 100 * (uint64_t)i) == NULL);
  CHECK_STR(check(1, NOW + 1000000), "its code was used before");
}

TEST(links_are_started_at_a_bounded_rate) {
  int n_started = 0;
  p2p_admission_init(&admission, NOW);
  for (int i = 0; i < 10000; i++) n_started += check(i, NOW + (uint64_t)i) == NULL;
  CHECK(n_started >= 10 * P2P_ADMISSION_PER_S && n_started <= 11 * P2P_ADMISSION_PER_S);
  CHECK_STR(check(-1, NOW + 10000), "too many links were started within a second");
  CHECK(check(-1, NOW + 12000) == NULL); /* it was not used before */
  for (int i = 0; i < 100; i++) check(20000 + i, NOW + 100000);
  CHECK(check(-2, NOW + 100000 + 1000 / P2P_ADMISSION_PER_S) == NULL);
}

static void take(size_t from, size_t to, struct p2p_admission_place place) {
  for (size_t i = from; i < to; i++) {
    places[i] = place;
    places[i].is_taken = true;
    places[i].since_ms = NOW - 100000 + i;
  }
}

static int choose(void) { return p2p_admission_choose(places, PLACES, NOW); }

TEST(an_accept_without_a_client_gives_way_to_others) {
  memset(places, 0, sizeof places);
  CHECK(choose() == P2P_ADMISSION_ROOM);
  take(0, P2P_ADMISSION_OPENING_MAX - 1, (struct p2p_admission_place){0});
  CHECK(choose() == P2P_ADMISSION_ROOM);
  take(0, P2P_ADMISSION_OPENING_MAX, (struct p2p_admission_place){0});
  CHECK(choose() == 0);
  places[0].is_confirmed = true;
  CHECK(choose() == 1);
  take(0, P2P_ADMISSION_OPENING_MAX, (struct p2p_admission_place){.is_confirmed = true});
  CHECK(choose() == P2P_ADMISSION_FULL);
}

TEST(an_unused_link_gives_way_to_others) {
  memset(places, 0, sizeof places);
  take(0, PLACES, (struct p2p_admission_place){.is_open = true, .is_used = true});
  CHECK(choose() == P2P_ADMISSION_FULL);
  places[40].is_used = places[50].is_used = false;
  CHECK(choose() == 40);
  places[40].since_ms = NOW - 1; /* it was used just now */
  CHECK(choose() == 50);
  take(0, PLACES, (struct p2p_admission_place){.is_open = true});
  places[63].is_taken = false;
  CHECK(choose() == P2P_ADMISSION_ROOM);
}

TEST(links_to_one_client_are_bounded) {
  memset(places, 0, sizeof places);
  take(0, 10, (struct p2p_admission_place){.is_open = true});
  take(10, 13, (struct p2p_admission_place){.is_open = true, .is_of_client = true});
  CHECK(choose() == P2P_ADMISSION_ROOM);
  take(13, 15, (struct p2p_admission_place){.is_of_client = true}); /* opening: forged, perhaps */
  CHECK(choose() == P2P_ADMISSION_ROOM);
  take(13, 14, (struct p2p_admission_place){.is_open = true, .is_of_client = true});
  CHECK(choose() == 10);
  take(10, 14,
       (struct p2p_admission_place){.is_open = true, .is_of_client = true, .is_used = true});
  CHECK(choose() == P2P_ADMISSION_FULL);
}

/* A member that has all places, and wants slots on all links. */
TEST(links_of_one_user_give_way_to_others) {
  memset(places, 0, sizeof places);
  take(0, PLACES, (struct p2p_admission_place){.is_open = true, .is_used = true});
  for (size_t i = 0; i < PLACES; i++) {
    bool is_of_bob = i >= PLACES - P2P_ADMISSION_PER_USER_MAX;
    places[i].crowd = is_of_bob ? P2P_ADMISSION_PER_USER_MAX : PLACES - P2P_ADMISSION_PER_USER_MAX;
  }
  places[0].has_slot = true;
  CHECK(choose() == 1);
  places[1].is_open = false;
  CHECK(choose() == 2);
  for (size_t i = 0; i < PLACES; i++) places[i].crowd = P2P_ADMISSION_PER_USER_MAX;
  CHECK(choose() == P2P_ADMISSION_FULL);
  places[63].is_taken = false;
  CHECK(choose() == P2P_ADMISSION_ROOM);
}

UNIT_MAIN("admission", UNIT(a_code_is_used_once), UNIT(links_are_started_at_a_bounded_rate),
          UNIT(an_accept_without_a_client_gives_way_to_others),
          UNIT(an_unused_link_gives_way_to_others), UNIT(links_to_one_client_are_bounded),
          UNIT(links_of_one_user_give_way_to_others))
