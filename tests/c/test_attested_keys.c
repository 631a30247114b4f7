/* Which users have attested which device keys. */
#include "server/attested_keys.h"
#include "unit.h"

static const uint8_t one[P2P_ATTESTED_KEY_LEN] = {1}, two[P2P_ATTESTED_KEY_LEN] = {2};
static struct p2p_attested_keys *all;

static int add(struct p2p_attested_keys *keys, const uint8_t *key) {
  return p2p_attested_keys_add(keys, &all, key);
}

static void check_users(const uint8_t *key, const char *expected) {
  struct p2p_buf out;
  p2p_buf_init(&out, 1000);
  CHECK(p2p_attested_keys_list_users(all, key, &out) == P2P_OK &&
        p2p_buf_put_u8(&out, 0) == P2P_OK);
  CHECK_STR((const char *)p2p_buf_data(&out), expected);
  p2p_buf_clear(&out);
}

TEST(users_are_sorted_and_named_once) {
  struct p2p_attested_keys bob = {.user = "bob"}, al = {.user = "al"}, alice = {.user = "alice"},
                           laptop = {.user = "bob"};
  check_users(one, "");
  CHECK(add(&bob, one) == P2P_OK && add(&alice, one) == P2P_OK);
  CHECK(add(&laptop, one) == P2P_OK && add(&al, one) == P2P_OK && add(&al, two) == P2P_OK);
  check_users(one, "al,alice,bob");
  check_users(two, "al");
  p2p_attested_keys_clear(&alice); /* in the middle */
  check_users(one, "al,bob");
  p2p_attested_keys_clear(&bob); /* the last of the list */
  check_users(one, "al,bob");
  p2p_attested_keys_clear(&al); /* the first */
  check_users(one, "bob");
  check_users(two, "");
  p2p_attested_keys_clear(&laptop);
  p2p_attested_keys_clear(&laptop);
  check_users(one, "");
  CHECK(all == NULL);
}

TEST(a_connection_has_a_few_keys) {
  struct p2p_attested_keys bob = {.user = "bob"};
  uint8_t key[P2P_ATTESTED_KEY_LEN] = {0};
  for (int i = 0; i <= P2P_BOARD_ATTESTED_MAX; i++) {
    key[31] = (uint8_t)i;
    CHECK(add(&bob, key) == (i < P2P_BOARD_ATTESTED_MAX ? P2P_OK : P2P_ERR_TOO_LARGE));
  }
  check_users(key, "");
  key[31] = 0;
  CHECK(add(&bob, key) == P2P_OK); /* there already */
  check_users(key, "bob");
  p2p_attested_keys_clear(&bob);
  CHECK(add(&bob, key) == P2P_OK);
  check_users(key, "bob");
  p2p_attested_keys_clear(&bob);
}

TEST(a_list_that_is_too_long_is_an_error) {
  struct p2p_attested_keys bob = {.user = "bob"}, carol = {.user = "carol"};
  struct p2p_buf out;
  CHECK(add(&bob, one) == P2P_OK && add(&carol, one) == P2P_OK);
  for (size_t cap = 0; cap < 9; cap++) {
    p2p_buf_init(&out, cap);
    CHECK(p2p_attested_keys_list_users(all, one, &out) == P2P_ERR_TOO_LARGE);
    p2p_buf_clear(&out);
  }
  p2p_attested_keys_clear(&bob);
  p2p_attested_keys_clear(&carol);
}

UNIT_MAIN("attested_keys", UNIT(users_are_sorted_and_named_once), UNIT(a_connection_has_a_few_keys),
          UNIT(a_list_that_is_too_long_is_an_error))
