/* A mailbox server without its sockets: what clients say, what they hear, and what is remembered
 * between. */
#include <stdbool.h>
#include <stdlib.h>

#include "crypto/random.h"
#include "server/mailbox_session.h"
#include "unit.h"

/* A client that remembers what it heard, one message a line, without what varies. */
struct client {
  struct p2p_mailbox_session *session;
  char heard[P2P_STORE_BODY_MAX + 4096];
};

static struct p2p_mailbox_store *store;
static struct client a, b, c;

static void hear(void *arg, const char *json, size_t length) {
  struct client *client = arg;
  size_t used = strlen(client->heard);
  if (strncmp(json, "{\"type\":\"ack\"", 13) == 0 || used + length + 2 > sizeof client->heard)
    return;
  memcpy(client->heard + used, json, length);
  client->heard[used + length] = '\0';
  char *tail = strstr(client->heard + used, ",\"server_tx\":");
  CHECK(tail != NULL);
  strcpy(tail, "}\n");
}

static void begin(void) {
  CHECK(p2p_crypto_init() == 0);
  store = p2p_mailbox_store_new();
}

static const char *client_address = "192.0.2.1"; /* of who connects next */

static void connect_client(struct client *client) {
  client->heard[0] = '\0';
  client->session = p2p_mailbox_session_new(store, client_address, hear, client);
  CHECK_STR(client->heard, "{\"type\":\"welcome\",\"welcome\":{}}\n");
  client->heard[0] = '\0';
}

static void say(struct client *client, const char *json) {
  p2p_mailbox_session_receive(client->session, json, strlen(json), 1000);
}

/* What is heard in answer to one message. */
static const char *ask(struct client *client, const char *json) {
  client->heard[0] = '\0';
  say(client, json);
  return client->heard;
}

static void bind_client(struct client *client, const char *side) {
  char json[128];
  connect_client(client);
  snprintf(json, sizeof json, "{\"type\":\"bind\",\"appid\":\"app\",\"side\":\"%s\"}", side);
  CHECK_STR(ask(client, json), "");
}

/* Claims nameplate 4 and opens its mailbox. */
static void claim_and_open(struct client *client) {
  char json[256], mailbox[64] = "";
  const char *answer = ask(client, "{\"type\":\"claim\",\"nameplate\":\"4\"}");
  CHECK(sscanf(answer, "{\"type\":\"claimed\",\"mailbox\":\"%60[0-9a-f]\"}", mailbox) == 1);
  snprintf(json, sizeof json, "{\"type\":\"open\",\"mailbox\":\"%s\"}", mailbox);
  client->heard[0] = '\0';
  say(client, json);
}

static void hang_up(struct client *client, uint64_t now_ms) {
  p2p_mailbox_session_free(client->session, now_ms);
}

TEST(two_sides_meet_and_a_third_is_crowded) {
  begin();
  bind_client(&a, "aa");
  bind_client(&b, "bb");
  claim_and_open(&a);
  CHECK_STR(
      ask(&a, "{\"type\":\"add\",\"phase\":\"pake\",\"body\":\"01\",\"id\":\"i1\"}"),
      "{\"type\":\"message\",\"side\":\"aa\",\"phase\":\"pake\",\"body\":\"01\",\"id\":\"i1\"}\n");
  claim_and_open(&b);
  CHECK_STR(
      b.heard,
      "{\"type\":\"message\",\"side\":\"aa\",\"phase\":\"pake\",\"body\":\"01\",\"id\":\"i1\"}\n");
  a.heard[0] = '\0';
  say(&b, "{\"type\":\"add\",\"phase\":\"pake\",\"body\":\"02\"}");
  CHECK_STR(a.heard, "{\"type\":\"message\",\"side\":\"bb\",\"phase\":\"pake\",\"body\":\"02\"}\n");
  bind_client(&c, "cc");
  CHECK(strncmp(ask(&c, "{\"type\":\"claim\",\"nameplate\":\"4\"}"),
                "{\"type\":\"error\",\"error\":\"crowded\"", 33) == 0);
  CHECK_STR(ask(&a, "{\"type\":\"release\"}"), "{\"type\":\"released\"}\n");
  CHECK_STR(ask(&b, "{\"type\":\"release\",\"nameplate\":\"4\"}"), "{\"type\":\"released\"}\n");
  CHECK_STR(ask(&c, "{\"type\":\"list\"}"), "{\"type\":\"nameplates\",\"nameplates\":[]}\n");
  CHECK_STR(ask(&a, "{\"type\":\"close\",\"mood\":\"happy\"}"), "{\"type\":\"closed\"}\n");
  CHECK(p2p_mailbox_store_count(store) == 1);
  CHECK_STR(ask(&b, "{\"type\":\"close\",\"mood\":\"happy\"}"), "{\"type\":\"closed\"}\n");
  CHECK(p2p_mailbox_store_count(store) == 0);
  hang_up(&a, 0);
  hang_up(&b, 0);
  hang_up(&c, 0);
  p2p_mailbox_store_free(store);
}

TEST(a_side_that_lost_its_connection_goes_on) {
  begin();
  bind_client(&a, "aa");
  claim_and_open(&a);
  say(&a, "{\"type\":\"add\",\"phase\":\"pake\",\"body\":\"01\"}");
  hang_up(&a, 1000);
  bind_client(&a, "aa");
  claim_and_open(&a);
  CHECK_STR(a.heard, "{\"type\":\"message\",\"side\":\"aa\",\"phase\":\"pake\",\"body\":\"01\"}\n");
  hang_up(&a, 1000);
  p2p_mailbox_store_prune(store, 1000 + P2P_STORE_IDLE_MS);
  CHECK(p2p_mailbox_store_count(store) == 1);
  p2p_mailbox_store_prune(store, 1001 + P2P_STORE_IDLE_MS);
  CHECK(p2p_mailbox_store_count(store) == 0);
  p2p_mailbox_store_free(store);
}

TEST(nameplates_are_short_and_free) {
  static bool seen[100];
  static struct p2p_mailbox_session *sessions[40];
  begin();
  for (int i = 0; i < 40; i++) {
    char side[16];
    int nameplate = 0;
    snprintf(side, sizeof side, "s%d", i);
    bind_client(&a, side);
    sessions[i] = a.session;
    CHECK(sscanf(ask(&a, "{\"type\":\"allocate\"}"),
                 "{\"type\":\"allocated\",\"nameplate\":\"%d\"}", &nameplate) == 1);
    CHECK(nameplate >= 1 && nameplate <= 99 && !seen[nameplate % 100]);
    CHECK((nameplate <= 9) == (i < 9)); /* the shorter ones first */
    seen[nameplate % 100] = true;
  }
  CHECK(strstr(ask(&a, "{\"type\":\"allocate\"}"), "greedy") != NULL);
  for (int i = 0; i < 40; i++) p2p_mailbox_session_free(sessions[i], 0);
  p2p_mailbox_store_free(store);
}

TEST(what_is_wrong_is_told_and_harms_nothing) {
  static const struct {
    const char *json, *error;
  } wrongs[] = {
      {"{\"type\":\"claim\",\"nameplate\":\"4\"}", "must bind first"},
      {"{\"type\":\"bind\",\"side\":\"aa\"}", "bind requires 'appid'"},
      {"{\"type\":\"bind\",\"appid\":\"app\",\"side\":7}", "bind requires 'side'"},
      {"{\"type\":\"bind\",\"appid\":\"app\",\"side\":\"\"}", "bind requires 'side'"},
      {"{\"type\":\"ping\"}", "ping requires 'ping'"},
      {"[1,2]", "not a JSON object"},
      {"{\"type\":5}", "not a JSON object"},
      {"nonsense", "not a JSON object"},
      {"", "not a JSON object"},
      {"{\"type\":\"bind\",\"appid\":\"app\",\"side\":\"aa\"}", NULL},
      {"{\"type\":\"bind\",\"appid\":\"app\",\"side\":\"aa\"}", "already bound"},
      {"{\"type\":\"dance\"}", "unknown type"},
      {"{\"type\":\"add\",\"phase\":\"0\",\"body\":\"\"}", "must open mailbox before adding"},
      {"{\"type\":\"release\"}", "must follow claim"},
      {"{\"type\":\"close\"}", "must follow open"},
      {"{\"type\":\"open\"}", "open requires 'mailbox'"},
      {"{\"type\":\"open\",\"mailbox\":\"\"}", "empty or too long"},
      {"{\"type\":\"claim\"}", "claim requires 'nameplate'"},
      {"{\"type\":\"open\",\"mailbox\":\"m\"}", NULL},
      {"{\"type\":\"open\",\"mailbox\":\"m\"}", "only one open"},
      {"{\"type\":\"add\",\"phase\":\"0\"}", "missing 'body'"},
      {"{\"type\":\"add\",\"body\":\"0\"}", "missing 'phase'"},
  };
  begin();
  connect_client(&a);
  for (size_t i = 0; i < sizeof wrongs / sizeof wrongs[0]; i++) {
    const char *answer = ask(&a, wrongs[i].json);
    if (wrongs[i].error == NULL)
      CHECK_STR(answer, "");
    else
      CHECK(strncmp(answer, "{\"type\":\"error\"", 15) == 0 &&
            strstr(answer, wrongs[i].error) != NULL);
  }
  CHECK_STR(ask(&a, "{\"type\":\"ping\",\"ping\":7}"), "{\"type\":\"pong\",\"pong\":7}\n");
  hang_up(&a, 0);
  p2p_mailbox_store_free(store);
}

TEST(every_prefix_of_a_message_is_answered) {
  const char *json = "{\"type\":\"bind\",\"appid\":\"app\",\"side\":\"aa\",\"id\":\"x\"}";
  begin();
  connect_client(&a);
  for (size_t length = 0; length < strlen(json); length++) {
    char *prefix = malloc(length + 1);
    memcpy(prefix, json, length);
    a.heard[0] = '\0';
    p2p_mailbox_session_receive(a.session, prefix, length, 0);
    CHECK(strncmp(a.heard, "{\"type\":\"error\"", 15) == 0);
    free(prefix);
  }
  CHECK_STR(ask(&a, json), "");
  hang_up(&a, 0);
  p2p_mailbox_store_free(store);
}

TEST(messages_are_bounded_in_size_and_number) {
  size_t size = P2P_STORE_BODY_MAX + 64;
  char *json = malloc(size);
  begin();
  bind_client(&a, "aa");
  claim_and_open(&a);
  int head = snprintf(json, size, "{\"type\":\"add\",\"phase\":\"0\",\"body\":\"");
  memset(json + head, '0', P2P_STORE_BODY_MAX + 1);
  strcpy(json + head + P2P_STORE_BODY_MAX + 1, "\"}");
  a.heard[0] = '\0';
  say(&a, json);
  CHECK(strstr(a.heard, "{\"type\":\"message\"") == NULL);
  for (int i = 0; i < P2P_STORE_MESSAGES_MAX; i++)
    CHECK(strstr(ask(&a, "{\"type\":\"add\",\"phase\":\"0\",\"body\":\"00\"}"), "\"message\"") !=
          NULL);
  CHECK(strstr(ask(&a, "{\"type\":\"add\",\"phase\":\"0\",\"body\":\"00\"}"), "takes no more") !=
        NULL);
  hang_up(&a, 0);
  free(json);
  p2p_mailbox_store_free(store);
}

TEST(one_address_makes_so_many_mailboxes_and_no_more) {
  char json[64], side[16];
  begin();
  for (int i = 0; i < P2P_STORE_MAILBOXES_OF_ORIGIN_MAX; i++) {
    snprintf(side, sizeof side, "s%d", i);
    bind_client(&a, side);
    snprintf(json, sizeof json, "{\"type\":\"open\",\"mailbox\":\"m%d\"}", i);
    CHECK_STR(ask(&a, json), "");
    hang_up(&a, 0);
  }
  bind_client(&a, "aa");
  CHECK(strstr(ask(&a, "{\"type\":\"open\",\"mailbox\":\"one-more\"}"),
               "too many mailboxes were opened from your address") != NULL);
  CHECK(strstr(ask(&a, "{\"type\":\"allocate\"}"),
               "too many mailboxes were opened from your address") != NULL);
  CHECK_STR(ask(&a, "{\"type\":\"open\",\"mailbox\":\"m0\"}"), ""); /* one that is there */
  client_address = "192.0.2.2";
  bind_client(&b, "bb");
  CHECK_STR(ask(&b, "{\"type\":\"open\",\"mailbox\":\"one-more\"}"), "");
  client_address = "192.0.2.1";
  hang_up(&a, 0);
  hang_up(&b, 0);
  p2p_mailbox_store_prune(store, P2P_STORE_IDLE_MS + 5000);
  CHECK(p2p_mailbox_store_count(store) == 0);
  p2p_mailbox_store_free(store);
}

TEST(one_address_stores_so_much_and_no_more) {
  size_t size = P2P_STORE_BODY_MAX + 64, n_told = 0;
  char *json = malloc(size);
  begin();
  bind_client(&a, "aa");
  claim_and_open(&a);
  memset(json, '0', size);
  memcpy(json, "{\"type\":\"add\",\"phase\":\"0\",\"body\":\"", 34);
  strcpy(json + 34 + P2P_STORE_BODY_MAX, "\"}");
  for (int i = 0; i < 140 && strstr(ask(&a, json), "from the same address take no more") == NULL;
       i++)
    n_told++;
  CHECK(n_told ==
        P2P_STORE_BYTES_OF_ORIGIN_MAX / P2P_STORE_BODY_MAX - 1); /* the names take the rest */
  client_address = "192.0.2.2";
  bind_client(&b, "bb");
  CHECK_STR(ask(&b, "{\"type\":\"open\",\"mailbox\":\"m\"}"), "");
  client_address = "192.0.2.1";
  CHECK(strstr(ask(&b, "{\"type\":\"add\",\"phase\":\"0\",\"body\":\"00\"}"), "\"message\"") !=
        NULL);
  hang_up(&a, 0);
  hang_up(&b, 0);
  free(json);
  p2p_mailbox_store_free(store);
}

TEST(many_nameplates_get_longer_and_stay_different) {
  static bool seen[10000];
  char side[16];
  begin();
  for (int i = 0; i < 1010; i++) {
    int nameplate = 0;
    snprintf(side, sizeof side, "s%d", i);
    bind_client(&a, side);
    CHECK(sscanf(ask(&a, "{\"type\":\"allocate\"}"),
                 "{\"type\":\"allocated\",\"nameplate\":\"%d\"}", &nameplate) == 1);
    CHECK(nameplate >= 1 && nameplate <= 9999 && (nameplate <= 999) == (i < 999) &&
          !seen[nameplate % 10000]);
    seen[nameplate % 10000] = true;
    hang_up(&a, 0);
  }
  p2p_mailbox_store_free(store);
}

TEST(applications_do_not_see_each_other) {
  begin();
  bind_client(&a, "aa");
  claim_and_open(&a);
  connect_client(&b);
  say(&b, "{\"type\":\"bind\",\"appid\":\"other\",\"side\":\"bb\"}");
  CHECK_STR(ask(&b, "{\"type\":\"list\"}"), "{\"type\":\"nameplates\",\"nameplates\":[]}\n");
  CHECK_STR(ask(&a, "{\"type\":\"list\"}"),
            "{\"type\":\"nameplates\",\"nameplates\":[{\"id\":\"4\"}]}\n");
  claim_and_open(&b);
  say(&a, "{\"type\":\"add\",\"phase\":\"pake\",\"body\":\"01\"}");
  CHECK_STR(b.heard, "");
  hang_up(&a, 0);
  hang_up(&b, 0);
  p2p_mailbox_store_free(store);
}

TEST(a_mailbox_can_be_closed_from_a_new_connection) {
  char mailbox[64], json[256];
  begin();
  bind_client(&a, "aa");
  CHECK(sscanf(ask(&a, "{\"type\":\"claim\",\"nameplate\":\"4\"}"),
               "{\"type\":\"claimed\",\"mailbox\":\"%60[0-9a-f]\"}", mailbox) == 1);
  hang_up(&a, 0);
  bind_client(&a, "aa");
  snprintf(json, sizeof json, "{\"type\":\"close\",\"mailbox\":\"%s\",\"mood\":\"lonely\"}",
           mailbox);
  CHECK_STR(ask(&a, json), "{\"type\":\"closed\"}\n");
  CHECK(p2p_mailbox_store_count(store) == 0);
  hang_up(&a, 0);
  p2p_mailbox_store_free(store);
}

UNIT_MAIN("mailbox_guest", UNIT(two_sides_meet_and_a_third_is_crowded),
          UNIT(a_side_that_lost_its_connection_goes_on), UNIT(nameplates_are_short_and_free),
          UNIT(what_is_wrong_is_told_and_harms_nothing),
          UNIT(every_prefix_of_a_message_is_answered),
          UNIT(messages_are_bounded_in_size_and_number),
          UNIT(one_address_makes_so_many_mailboxes_and_no_more),
          UNIT(one_address_stores_so_much_and_no_more),
          UNIT(many_nameplates_get_longer_and_stay_different),
          UNIT(applications_do_not_see_each_other),
          UNIT(a_mailbox_can_be_closed_from_a_new_connection))
