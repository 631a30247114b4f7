/* Cluster keys, and the lines that are sealed with them. */
#include "protocol/sealed_line.h"

#include <stdlib.h>
#include <time.h>

#include "base/encode.h"
#include "crypto/random.h"
#include "unit.h"

#define NOW 1795000000
#define ID "fedcba98765432100123456789abcdef"

static struct p2p_cluster_key key_of(const char *cluster, uint32_t epoch, uint8_t byte) {
  uint8_t secret[P2P_CLUSTER_SECRET_LEN];
  struct p2p_cluster_key key;
  memset(secret, byte, sizeof secret);
  p2p_cluster_key_derive(cluster, epoch, secret, &key);
  return key;
}

static void parse(const char *text, struct p2p_line *line) {
  CHECK(p2p_line_parse(text, strlen(text), line) == P2P_OK);
}

/* Sends the line as text. */
static void resend(const struct p2p_line *line, struct p2p_line *out) {
  char text[P2P_LINE_MAX + 1];
  long length = p2p_line_format(line, text, sizeof text);
  CHECK(length > 0 && p2p_line_parse(text, (size_t)length - 1, out) == P2P_OK);
}

TEST(all_keys_differ_between_clusters_epochs_and_secrets) {
  struct p2p_cluster_key keys[] = {key_of("alice/friends", 1, 7), key_of("alice/friends", 2, 7),
                                   key_of("alice/friendS", 1, 7), key_of("alice/friends", 1, 8)};
  for (size_t i = 0; i < 4; i++) {
    CHECK(memcmp(keys[i].line, keys[i].link, P2P_CLUSTER_KEY_LEN) != 0);
    CHECK(memcmp(keys[i].line, keys[i].mailbox, P2P_CLUSTER_KEY_LEN) != 0);
    for (size_t j = 0; j < i; j++) {
      CHECK(strcmp(keys[i].id, keys[j].id) != 0);
      CHECK(memcmp(keys[i].line, keys[j].line, P2P_CLUSTER_KEY_LEN) != 0);
      CHECK(memcmp(keys[i].link, keys[j].link, P2P_CLUSTER_KEY_LEN) != 0);
      CHECK(memcmp(keys[i].mailbox, keys[j].mailbox, P2P_CLUSTER_KEY_LEN) != 0);
    }
  }
}

TEST(the_password_of_a_link_depends_on_all_parties) {
  struct p2p_cluster_key key = key_of("alice/friends", 1, 7), other = key_of("alice/friends", 2, 7);
  struct p2p_seal_public worker = {{1}}, stranger = {{2}};
  struct p2p_link_parties parties[] = {
      {"alice/friends", "a", "b", &worker, "c"},   {"alice/other", "a", "b", &worker, "c"},
      {"alice/friends", "ab", "", &worker, "c"},   {"alice/friends", "a", "c", &worker, "c"},
      {"alice/friends", "a", "b", &stranger, "c"}, {"alice/friends", "a", "b", &worker, "d"}};
  char password[7][P2P_LINK_PASSWORD_MAX];
  for (size_t i = 0; i < 6; i++) p2p_cluster_key_password(&key, &parties[i], password[i]);
  p2p_cluster_key_password(&other, &parties[0], password[6]);
  for (size_t i = 0; i < 7; i++) {
    CHECK(strlen(password[i]) == 66);
    for (size_t j = 0; j < i; j++) CHECK(strcmp(password[i], password[j]) != 0);
  }
}

TEST(a_code_is_random_and_its_mailbox_depends_on_the_key) {
  struct p2p_cluster_key key = key_of("alice/friends", 1, 7), other = key_of("alice/friends", 2, 7);
  char code[P2P_KEYED_CODE_MAX], next[P2P_KEYED_CODE_MAX], mailbox[3][P2P_LINK_MAILBOX_MAX];
  p2p_keyed_code_make(code);
  p2p_keyed_code_make(next);
  CHECK(strlen(code) == 32 && strcmp(code, next) != 0);
  p2p_cluster_key_mailbox(&key, code, mailbox[0]);
  p2p_cluster_key_mailbox(&other, code, mailbox[1]);
  p2p_cluster_key_mailbox(&key, next, mailbox[2]);
  CHECK(strlen(mailbox[0]) == 32 && strcmp(mailbox[0], code) != 0);
  CHECK(strcmp(mailbox[0], mailbox[1]) != 0 && strcmp(mailbox[0], mailbox[2]) != 0);
}

TEST(a_sealed_line_is_read_back_and_shows_nothing) {
  struct p2p_cluster_key key = key_of("alice/friends", 1, 7);
  struct p2p_line_place place = {{1, 2, 3}, 99}, read_place;
  struct p2p_line line, sealed, arrived, read;
  char text[P2P_LINE_MAX + 1], expected[P2P_LINE_MAX + 1];
  parse("when=x,type=worker,from=carol@desk:1,member=" ID ",slots=3", &line);
  CHECK(p2p_sealed_line_write(&sealed, &line, &key, &place, NOW) == P2P_OK);
  CHECK(p2p_line_format(&sealed, text, sizeof text) > 0 && strstr(text, "carol") == NULL);
  CHECK_STR(p2p_line_get(&sealed, "kid"), key.id);
  resend(&sealed, &arrived);
  CHECK(p2p_sealed_line_read(&arrived, &key, &read, &read_place) == P2P_OK);
  CHECK(memcmp(&place, &read_place, sizeof place) == 0);
  CHECK(p2p_line_format(&line, expected, sizeof expected) > 0);
  CHECK(p2p_line_format(&read, text, sizeof text) > 0);
  CHECK_STR(text, expected);
}

TEST(lines_of_similar_length_look_alike) {
  struct p2p_cluster_key key = key_of("alice/friends", 1, 7);
  struct p2p_line_place place = {{0}, 1};
  struct p2p_line line, sealed;
  size_t lengths[2];
  for (size_t i = 0; i < 2; i++) {
    parse(i == 0 ? "when=x,type=leave" : "when=x,type=leave,from=dave@desk:7", &line);
    CHECK(p2p_sealed_line_write(&sealed, &line, &key, &place, NOW) == P2P_OK);
    lengths[i] = sealed.length;
  }
  CHECK(lengths[0] == lengths[1]);
}

TEST(what_does_not_open_is_refused) {
  struct p2p_cluster_key key = key_of("alice/friends", 1, 7), other = key_of("alice/friends", 2, 7);
  struct p2p_line_place place = {{0}, 1};
  struct p2p_line line, sealed, read, changed;
  parse("when=x,type=leave", &line);
  CHECK(p2p_sealed_line_read(&line, &key, &read, &place) == P2P_ERR_CANCELED);
  CHECK(p2p_sealed_line_write(&sealed, &line, &key, &place, NOW) == P2P_OK);
  CHECK(p2p_sealed_line_read(&sealed, &other, &read, &place) == P2P_ERR_ACCESS);
  memcpy(other.id, key.id, sizeof key.id); /* claims to be the same */
  CHECK(p2p_sealed_line_read(&sealed, &other, &read, &place) == P2P_ERR_CRYPTO);
  const char *box = p2p_line_get(&sealed, "box");
  char text[P2P_LINE_MAX];
  for (size_t i = 0; i < strlen(box); i++) { /* each character changed, and each truncation */
    for (int cut = 0; cut < 2; cut++) {
      snprintf(text, sizeof text, "when=x,type=p2p1,kid=%s,box=%s", key.id, box);
      size_t at = strlen(text) - strlen(box) + i;
      if (cut)
        text[at] = '\0';
      else
        text[at] = text[at] == 'A' ? 'B' : 'A';
      parse(text, &changed);
      CHECK(p2p_sealed_line_read(&changed, &key, &read, &place) != P2P_OK);
    }
  }
  static const char *const malformed[] = {"when=x,type=p2p1", "when=x,type=p2p1,kid=1",
                                          "when=x,type=p2p1,box=AAAA"};
  for (size_t i = 0; i < sizeof malformed / sizeof malformed[0]; i++) {
    parse(malformed[i], &changed);
    CHECK(p2p_sealed_line_read(&changed, &key, &read, &place) == P2P_ERR_PARSE);
  }
}

TEST(the_largest_line_fits_and_a_larger_one_does_not) {
  static char value[P2P_LINE_MAX];
  struct p2p_cluster_key key = key_of("alice/friends", 1, 7);
  struct p2p_line_place place = {{0}, 1};
  struct p2p_line line, sealed, read;
  size_t length = P2P_SEALED_LINE_MAX - strlen("when=x,k=");
  for (size_t more = 0; more < 2; more++) {
    memset(value, 'v', length + more);
    value[length + more] = '\0';
    parse("when=x", &line);
    CHECK(p2p_line_put(&line, "k", value) == P2P_OK);
    int code = p2p_sealed_line_write(&sealed, &line, &key, &place, NOW);
    CHECK(code == (more ? P2P_ERR_TOO_LARGE : P2P_OK));
    if (!more) {
      CHECK(p2p_sealed_line_read(&sealed, &key, &read, &place) == P2P_OK);
      CHECK_STR(p2p_line_get(&read, "k"), value);
    }
  }
}

TEST(repeated_and_older_lines_of_a_process_are_not_new) {
  static struct p2p_line_order order;
  struct p2p_line_place place = {{1}, 5};
  CHECK(p2p_line_order_advance(&order, &place));
  CHECK(!p2p_line_order_advance(&order, &place));
  place.number = 4;
  CHECK(!p2p_line_order_advance(&order, &place));
  place.number = 6;
  CHECK(p2p_line_order_advance(&order, &place));
  place.boot[0] = 2; /* another process */
  place.number = 0;
  CHECK(p2p_line_order_advance(&order, &place));
  CHECK(!p2p_line_order_advance(&order, &place));
}

TEST(of_too_many_processes_the_most_silent_one_is_forgotten) {
  static struct p2p_line_order order;
  struct p2p_line_place place = {{0}, 1};
  for (uint32_t i = 0; i <= P2P_LINE_ORDER_MAX; i++) {
    memcpy(place.boot, &i, sizeof i);
    CHECK(p2p_line_order_advance(&order, &place));
  }
  for (uint32_t i = 1; i <= P2P_LINE_ORDER_MAX; i++) {
    memcpy(place.boot, &i, sizeof i);
    CHECK(!p2p_line_order_advance(&order, &place));
  }
}

TEST(prepare) {
  CHECK(p2p_crypto_init() == P2P_OK);
  setenv("TZ", "UTC", 1);
  tzset();
}

UNIT_MAIN("sealed_line", UNIT(prepare), UNIT(all_keys_differ_between_clusters_epochs_and_secrets),
          UNIT(the_password_of_a_link_depends_on_all_parties),
          UNIT(a_code_is_random_and_its_mailbox_depends_on_the_key),
          UNIT(a_sealed_line_is_read_back_and_shows_nothing),
          UNIT(lines_of_similar_length_look_alike), UNIT(what_does_not_open_is_refused),
          UNIT(the_largest_line_fits_and_a_larger_one_does_not),
          UNIT(repeated_and_older_lines_of_a_process_are_not_new),
          UNIT(of_too_many_processes_the_most_silent_one_is_forgotten))
