/* A mailbox server without its sockets: the messages of clients, the replies, and what is kept
 * between. */
#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>

#include "crypto/random.h"
#include "server/limits.h"
#include "server/mailbox_session.h"
#include "unit.h"

/* A client that keeps what it receives, one message per line, without acks and times. */
struct client {
  struct p2p_mailbox_session *session;
  char received[P2P_STORE_BODY_MAX + 4096];
  int n_lost; /* messages that could not be sent */
};

static struct p2p_mailbox_store *store;
static struct client a, b, c;

static void on_send(void *arg, const char *json, size_t length) {
  struct client *client = arg;
  if (json == NULL) {
    client->n_lost++;
    return;
  }
  size_t used = strlen(client->received);
  if (strncmp(json, "{\"type\":\"ack\"", 13) == 0 || used + length + 2 > sizeof client->received)
    return;
  memcpy(client->received + used, json, length);
  client->received[used + length] = '\0';
  char *tail = strstr(client->received + used, ",\"server_tx\":");
  CHECK(tail != NULL);
  strcpy(tail, "}\n");
}

static void ignore(void *arg, const struct p2p_stored_message *message) {
  (void)arg;
  (void)message;
}

static void begin(void) {
  CHECK(p2p_crypto_init() == 0);
  store = p2p_mailbox_store_new();
}

static const char *client_address = "192.0.2.1"; /* of the next client */

static void connect_client(struct client *client) {
  client->received[0] = '\0';
  client->session = p2p_mailbox_session_new(store, client_address, on_send, client);
  CHECK_STR(client->received, "{\"type\":\"welcome\",\"welcome\":{}}\n");
  client->received[0] = '\0';
}

static void send_json(struct client *client, const char *json) {
  p2p_mailbox_session_receive(client->session, json, strlen(json), 1000);
}

/* Sends a message and returns what is received for it. */
static const char *request(struct client *client, const char *json) {
  client->received[0] = '\0';
  send_json(client, json);
  return client->received;
}

static void bind_client(struct client *client, const char *side) {
  char json[128];
  connect_client(client);
  snprintf(json, sizeof json, "{\"type\":\"bind\",\"appid\":\"app\",\"side\":\"%s\"}", side);
  CHECK_STR(request(client, json), "");
}

/* Claims nameplate 4 and opens its mailbox. */
static void claim_and_open(struct client *client) {
  char json[256], mailbox[64] = "";
  const char *reply = request(client, "{\"type\":\"claim\",\"nameplate\":\"4\"}");
  CHECK(sscanf(reply, "{\"type\":\"claimed\",\"mailbox\":\"%60[0-9a-f]\"}", mailbox) == 1);
  snprintf(json, sizeof json, "{\"type\":\"open\",\"mailbox\":\"%s\"}", mailbox);
  client->received[0] = '\0';
  send_json(client, json);
}

static void disconnect(struct client *client, uint64_t now_ms) {
  p2p_mailbox_session_free(client->session, now_ms);
}

TEST(two_sides_meet_and_a_third_is_crowded) {
  begin();
  bind_client(&a, "aa");
  bind_client(&b, "bb");
  claim_and_open(&a);
  CHECK_STR(
      request(&a, "{\"type\":\"add\",\"phase\":\"pake\",\"body\":\"01\",\"id\":\"i1\"}"),
      "{\"type\":\"message\",\"side\":\"aa\",\"phase\":\"pake\",\"body\":\"01\",\"id\":\"i1\"}\n");
  claim_and_open(&b);
  CHECK_STR(
      b.received,
      "{\"type\":\"message\",\"side\":\"aa\",\"phase\":\"pake\",\"body\":\"01\",\"id\":\"i1\"}\n");
  a.received[0] = '\0';
  send_json(&b, "{\"type\":\"add\",\"phase\":\"pake\",\"body\":\"02\"}");
  CHECK_STR(a.received,
            "{\"type\":\"message\",\"side\":\"bb\",\"phase\":\"pake\",\"body\":\"02\"}\n");
  bind_client(&c, "cc");
  CHECK(strncmp(request(&c, "{\"type\":\"claim\",\"nameplate\":\"4\"}"),
                "{\"type\":\"error\",\"error\":\"crowded\"", 33) == 0);
  CHECK_STR(request(&a, "{\"type\":\"release\"}"), "{\"type\":\"released\"}\n");
  CHECK_STR(request(&b, "{\"type\":\"release\",\"nameplate\":\"4\"}"), "{\"type\":\"released\"}\n");
  CHECK_STR(request(&c, "{\"type\":\"list\"}"), "{\"type\":\"nameplates\",\"nameplates\":[]}\n");
  CHECK_STR(request(&a, "{\"type\":\"close\",\"mood\":\"happy\"}"), "{\"type\":\"closed\"}\n");
  CHECK(p2p_mailbox_store_count(store) == 1);
  CHECK_STR(request(&b, "{\"type\":\"close\",\"mood\":\"happy\"}"), "{\"type\":\"closed\"}\n");
  CHECK(p2p_mailbox_store_count(store) == 0);
  disconnect(&a, 0);
  disconnect(&b, 0);
  disconnect(&c, 0);
  p2p_mailbox_store_free(store);
}

#define ID "00112233445566778899aabbccddeeff"
#define OPEN_ID "{\"type\":\"open\",\"mailbox\":\"" ID "\"}"

TEST(two_sides_meet_in_a_mailbox_without_a_nameplate) {
  begin();
  bind_client(&a, "aa");
  bind_client(&b, "bb");
  bind_client(&c, "cc");
  CHECK_STR(request(&a, OPEN_ID), "");
  send_json(&a, "{\"type\":\"add\",\"phase\":\"pake\",\"body\":\"01\"}");
  CHECK_STR(request(&b, OPEN_ID),
            "{\"type\":\"message\",\"side\":\"aa\",\"phase\":\"pake\",\"body\":\"01\"}\n");
  CHECK(strncmp(request(&c, OPEN_ID), "{\"type\":\"error\",\"error\":\"crowded\"", 33) == 0);
  CHECK(strstr(request(&c, "{\"type\":\"add\",\"phase\":\"pake\",\"body\":\"03\"}"),
               "must open mailbox before adding") != NULL);
  disconnect(&a, 1000); /* its seat is kept */
  CHECK(strstr(request(&c, OPEN_ID), "crowded") != NULL);
  bind_client(&a, "aa");
  CHECK_STR(request(&a, OPEN_ID),
            "{\"type\":\"message\",\"side\":\"aa\",\"phase\":\"pake\",\"body\":\"01\"}\n");
  CHECK(p2p_mailbox_store_count(store) == 1);
  CHECK_STR(request(&a, "{\"type\":\"close\",\"mood\":\"happy\"}"), "{\"type\":\"closed\"}\n");
  CHECK_STR(request(&b, "{\"type\":\"close\",\"mood\":\"happy\"}"), "{\"type\":\"closed\"}\n");
  CHECK(p2p_mailbox_store_count(store) == 0);
  disconnect(&a, 0);
  disconnect(&b, 0);
  disconnect(&c, 0);
  p2p_mailbox_store_free(store);
}

TEST(the_id_of_a_mailbox_is_bounded) {
  char json[P2P_STORE_NAME_MAX + 64];
  begin();
  bind_client(&a, "aa");
  for (int length = P2P_STORE_NAME_MAX + 1; length >= P2P_STORE_NAME_MAX; length--) {
    snprintf(json, sizeof json, "{\"type\":\"open\",\"mailbox\":\"%0*d\"}", length, 1);
    const char *reply = request(&a, json);
    CHECK((strstr(reply, "a name is empty or too long") != NULL) == (length > P2P_STORE_NAME_MAX));
    CHECK(p2p_mailbox_store_count(store) == (length <= P2P_STORE_NAME_MAX));
  }
  disconnect(&a, 0);
  p2p_mailbox_store_free(store);
}

TEST(a_side_that_lost_its_connection_can_go_on) {
  begin();
  bind_client(&a, "aa");
  claim_and_open(&a);
  send_json(&a, "{\"type\":\"add\",\"phase\":\"pake\",\"body\":\"01\"}");
  disconnect(&a, 1000);
  bind_client(&a, "aa");
  claim_and_open(&a);
  CHECK_STR(a.received,
            "{\"type\":\"message\",\"side\":\"aa\",\"phase\":\"pake\",\"body\":\"01\"}\n");
  disconnect(&a, 1000);
  p2p_mailbox_store_prune(store, 1000 + P2P_STORE_IDLE_MS);
  CHECK(p2p_mailbox_store_count(store) == 1);
  p2p_mailbox_store_prune(store, 1001 + P2P_STORE_IDLE_MS);
  CHECK(p2p_mailbox_store_count(store) == 0);
  p2p_mailbox_store_free(store);
}

TEST(allocated_nameplates_are_short_and_free) {
  static bool seen[100];
  static struct p2p_mailbox_session *sessions[40];
  begin();
  for (int i = 0; i < 40; i++) {
    char side[16];
    int nameplate = 0;
    snprintf(side, sizeof side, "s%d", i);
    bind_client(&a, side);
    sessions[i] = a.session;
    CHECK(sscanf(request(&a, "{\"type\":\"allocate\"}"),
                 "{\"type\":\"allocated\",\"nameplate\":\"%d\"}", &nameplate) == 1);
    CHECK(nameplate >= 1 && nameplate <= 99 && !seen[nameplate % 100]);
    CHECK((nameplate <= 9) == (i < 9)); /* the shorter ones first */
    seen[nameplate % 100] = true;
  }
  CHECK(strstr(request(&a, "{\"type\":\"allocate\"}"), "greedy") != NULL);
  for (int i = 0; i < 40; i++) p2p_mailbox_session_free(sessions[i], 0);
  p2p_mailbox_store_free(store);
}

TEST(mistakes_are_reported_and_change_nothing) {
  static const struct {
    const char *json, *error;
  } mistakes[] = {
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
  for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++) {
    const char *reply = request(&a, mistakes[i].json);
    if (mistakes[i].error == NULL)
      CHECK_STR(reply, "");
    else
      CHECK(strncmp(reply, "{\"type\":\"error\"", 15) == 0 &&
            strstr(reply, mistakes[i].error) != NULL);
  }
  CHECK_STR(request(&a, "{\"type\":\"ping\",\"ping\":7}"), "{\"type\":\"pong\",\"pong\":7}\n");
  disconnect(&a, 0);
  p2p_mailbox_store_free(store);
}

TEST(every_prefix_of_a_message_gets_an_error) {
  const char *json = "{\"type\":\"bind\",\"appid\":\"app\",\"side\":\"aa\",\"id\":\"x\"}";
  begin();
  connect_client(&a);
  for (size_t length = 0; length < strlen(json); length++) {
    char *prefix = malloc(length + 1);
    memcpy(prefix, json, length);
    a.received[0] = '\0';
    p2p_mailbox_session_receive(a.session, prefix, length, 0);
    CHECK(strncmp(a.received, "{\"type\":\"error\"", 15) == 0);
    free(prefix);
  }
  CHECK_STR(request(&a, json), "");
  disconnect(&a, 0);
  p2p_mailbox_store_free(store);
}

TEST(a_nameplate_is_a_number_of_at_most_16_digits) {
  const char *invalid[] = {"", "x", "4x", "-4", " 4", "12345678901234567"};
  char json[128];
  begin();
  bind_client(&a, "aa");
  for (size_t i = 0; i < sizeof invalid / sizeof invalid[0]; i++) {
    snprintf(json, sizeof json, "{\"type\":\"claim\",\"nameplate\":\"%s\"}", invalid[i]);
    CHECK(strstr(request(&a, json), "a nameplate is a number of 1 to 16 digits") != NULL);
  }
  CHECK(p2p_mailbox_store_count(store) == 0);
  CHECK(strstr(request(&a, "{\"type\":\"claim\",\"nameplate\":\"1234567890123456\"}"),
               "\"claimed\"") != NULL);
  CHECK_STR(request(&a, "{\"type\":\"list\"}"), "{\"type\":\"nameplates\",\"nameplates\":[]}\n");
  disconnect(&a, 0);
  p2p_mailbox_store_free(store);
}

/* For jansson. */
static bool is_out_of_memory;
static void *allocate(size_t size) { return is_out_of_memory ? NULL : malloc(size); }

TEST(a_message_that_is_lost_for_want_of_memory_is_reported) {
  begin();
  bind_client(&a, "aa");
  bind_client(&b, "bb");
  send_json(&a, "{\"type\":\"open\",\"mailbox\":\"m\"}");
  send_json(&b, "{\"type\":\"open\",\"mailbox\":\"m\"}");
  json_set_alloc_funcs(allocate, free);
  is_out_of_memory = true;
  a.n_lost = b.n_lost = 0;
  struct p2p_stored_message message = {.side = "aa", .phase = "0", .body = "00"};
  struct p2p_stored_mailbox *mailbox;
  struct p2p_mailbox_subscriber subscriber = {.on_message = ignore};
  struct p2p_mailbox_caller caller = {"app", "aa", client_address, 1000};
  CHECK(p2p_mailbox_store_open(store, &caller, "m", &subscriber, &mailbox, NULL) == P2P_OK);
  CHECK(p2p_mailbox_store_add(mailbox, &message, 1000, NULL) == P2P_OK);
  CHECK(a.n_lost == 1 && b.n_lost == 1);
  is_out_of_memory = false;
  p2p_mailbox_store_leave(mailbox, &subscriber, 1000);
  disconnect(&a, 0);
  disconnect(&b, 0);
  p2p_mailbox_store_free(store);
  json_set_alloc_funcs(malloc, free);
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
  a.received[0] = '\0';
  send_json(&a, json);
  CHECK(strstr(a.received, "{\"type\":\"message\"") == NULL);
  for (int i = 0; i < P2P_STORE_MESSAGES_MAX; i++)
    CHECK(strstr(request(&a, "{\"type\":\"add\",\"phase\":\"0\",\"body\":\"00\"}"),
                 "\"message\"") != NULL);
  CHECK(strstr(request(&a, "{\"type\":\"add\",\"phase\":\"0\",\"body\":\"00\"}"),
               "this mailbox is full") != NULL);
  disconnect(&a, 0);
  free(json);
  p2p_mailbox_store_free(store);
}

/* A client that opens as many mailboxes as one address may. */
static void open_all(bool stays, struct client *clients) {
  char json[64], side[16];
  for (int i = 0; i < P2P_STORE_MAILBOXES_PER_ADDRESS_MAX; i++) {
    struct client *client = stays ? &clients[i] : &a;
    snprintf(side, sizeof side, "s%d", i);
    bind_client(client, side);
    snprintf(json, sizeof json, "{\"type\":\"open\",\"mailbox\":\"m%d\"}", i);
    CHECK_STR(request(client, json), "");
    if (!stays) disconnect(client, 1000 + (uint64_t)i);
  }
}

TEST(mailboxes_of_one_address_are_bounded) {
  struct client *many = calloc(P2P_STORE_MAILBOXES_PER_ADDRESS_MAX, sizeof *many);
  begin();
  open_all(true, many);
  bind_client(&a, "aa");
  CHECK(strstr(request(&a, "{\"type\":\"open\",\"mailbox\":\"one-more\"}"),
               "too many mailboxes were opened from your address") != NULL);
  CHECK(strstr(request(&a, "{\"type\":\"allocate\"}"),
               "too many mailboxes were opened from your address") != NULL);
  CHECK_STR(request(&a, "{\"type\":\"open\",\"mailbox\":\"m0\"}"), ""); /* an existing one */
  client_address = "192.0.2.2";
  bind_client(&b, "bb");
  CHECK_STR(request(&b, "{\"type\":\"open\",\"mailbox\":\"one-more\"}"), "");
  client_address = "192.0.2.1";
  disconnect(&a, 0);
  disconnect(&b, 0);
  for (int i = 0; i < P2P_STORE_MAILBOXES_PER_ADDRESS_MAX; i++) disconnect(&many[i], 0);
  p2p_mailbox_store_prune(store, P2P_STORE_IDLE_MS + 5000);
  CHECK(p2p_mailbox_store_count(store) == 0);
  p2p_mailbox_store_free(store);
  free(many);
}

TEST(mailboxes_that_nobody_has_open_make_room_for_others_behind_their_address) {
  begin();
  open_all(false, NULL);
  CHECK(p2p_mailbox_store_count(store) == P2P_STORE_MAILBOXES_PER_ADDRESS_MAX);
  bind_client(&a, "aa");
  CHECK_STR(request(&a, "{\"type\":\"open\",\"mailbox\":\"one-more\"}"), "");
  CHECK(strstr(request(&a, "{\"type\":\"allocate\"}"), "\"allocated\"") != NULL);
  CHECK(p2p_mailbox_store_count(store) == P2P_STORE_MAILBOXES_PER_ADDRESS_MAX);
  bind_client(&b, "s2"); /* the two that were unused for longest are gone, the third is not */
  CHECK_STR(request(&b, "{\"type\":\"open\",\"mailbox\":\"m2\"}"), "");
  CHECK(p2p_mailbox_store_count(store) == P2P_STORE_MAILBOXES_PER_ADDRESS_MAX);
  disconnect(&a, 0);
  disconnect(&b, 0);
  p2p_mailbox_store_free(store);
}

/* The address with the most mailboxes makes room. */
TEST(mailboxes_in_all_are_bounded) {
  static const char *const addresses[] = {"192.0.2.11", "192.0.2.12", "192.0.2.13", "192.0.2.14"};
  char json[64];
  begin();
  for (size_t i = 0; i < sizeof addresses / sizeof addresses[0]; i++) {
    client_address = addresses[i];
    for (int j = 0; j < P2P_STORE_MAILBOXES_PER_ADDRESS_MAX; j++) {
      snprintf(json, sizeof json, "{\"type\":\"open\",\"mailbox\":\"%zu-%d\"}", i, j);
      bind_client(&a, "aa");
      CHECK_STR(request(&a, json), "");
      disconnect(&a, 1000);
    }
  }
  CHECK(p2p_mailbox_store_count(store) == P2P_STORE_MAILBOXES_MAX);
  client_address = "192.0.2.1";
  bind_client(&a, "aa");
  CHECK_STR(request(&a, "{\"type\":\"open\",\"mailbox\":\"one-more\"}"), "");
  CHECK(p2p_mailbox_store_count(store) == P2P_STORE_MAILBOXES_MAX);
  disconnect(&a, 0);
  p2p_mailbox_store_free(store);
}

TEST(bytes_of_one_address_are_bounded) {
  size_t size = P2P_STORE_BODY_MAX + 64, n_stored = 0;
  char *json = malloc(size);
  begin();
  bind_client(&a, "aa");
  claim_and_open(&a);
  memset(json, '0', size);
  memcpy(json, "{\"type\":\"add\",\"phase\":\"0\",\"body\":\"", 34);
  strcpy(json + 34 + P2P_STORE_BODY_MAX, "\"}");
  for (int i = 0; i < 140 && strstr(request(&a, json), "opened from your address are full") == NULL;
       i++)
    n_stored++;
  CHECK(n_stored == P2P_STORE_BYTES_PER_ADDRESS_MAX / P2P_STORE_BODY_MAX);
  bind_client(&c, "cc"); /* another client behind this address, with what opens a link */
  CHECK_STR(request(&c, "{\"type\":\"open\",\"mailbox\":\"small\"}"), "");
  strcpy(json + 34 + 4000, "\"}");
  n_stored = 0;
  while (n_stored < 20 && strstr(request(&c, json), "\"message\"") != NULL) n_stored++;
  CHECK(n_stored >= 4 && n_stored < 20);
  CHECK(strstr(c.received, "opened from your address are full") != NULL);
  disconnect(&c, 0);
  client_address = "192.0.2.2";
  bind_client(&b, "bb");
  CHECK_STR(request(&b, "{\"type\":\"open\",\"mailbox\":\"m\"}"), "");
  client_address = "192.0.2.1";
  CHECK(strstr(request(&b, "{\"type\":\"add\",\"phase\":\"0\",\"body\":\"00\"}"), "\"message\"") !=
        NULL);
  disconnect(&a, 0);
  disconnect(&b, 0);
  free(json);
  p2p_mailbox_store_free(store);
}

TEST(many_nameplates_get_longer_and_stay_unique) {
  static bool seen[10000];
  char side[16];
  begin();
  for (int i = 0; i < 1010; i++) {
    int nameplate = 0;
    snprintf(side, sizeof side, "s%d", i);
    bind_client(&a, side);
    CHECK(sscanf(request(&a, "{\"type\":\"allocate\"}"),
                 "{\"type\":\"allocated\",\"nameplate\":\"%d\"}", &nameplate) == 1);
    CHECK(nameplate >= 1 && nameplate <= 9999 && (nameplate <= 999) == (i < 999) &&
          !seen[nameplate % 10000]);
    seen[nameplate % 10000] = true;
    disconnect(&a, 0);
  }
  p2p_mailbox_store_free(store);
}

TEST(applications_are_separate) {
  begin();
  bind_client(&a, "aa");
  claim_and_open(&a);
  connect_client(&b);
  send_json(&b, "{\"type\":\"bind\",\"appid\":\"other\",\"side\":\"bb\"}");
  CHECK_STR(request(&b, "{\"type\":\"list\"}"), "{\"type\":\"nameplates\",\"nameplates\":[]}\n");
  CHECK_STR(request(&a, "{\"type\":\"list\"}"), "{\"type\":\"nameplates\",\"nameplates\":[]}\n");
  claim_and_open(&b);
  send_json(&a, "{\"type\":\"add\",\"phase\":\"pake\",\"body\":\"01\"}");
  CHECK_STR(b.received, "");
  disconnect(&a, 0);
  disconnect(&b, 0);
  p2p_mailbox_store_free(store);
}

TEST(a_mailbox_can_be_closed_from_a_new_connection) {
  char mailbox[64], json[256];
  begin();
  bind_client(&a, "aa");
  CHECK(sscanf(request(&a, "{\"type\":\"claim\",\"nameplate\":\"4\"}"),
               "{\"type\":\"claimed\",\"mailbox\":\"%60[0-9a-f]\"}", mailbox) == 1);
  disconnect(&a, 0);
  bind_client(&a, "aa");
  snprintf(json, sizeof json, "{\"type\":\"close\",\"mailbox\":\"%s\",\"mood\":\"lonely\"}",
           mailbox);
  CHECK_STR(request(&a, json), "{\"type\":\"closed\"}\n");
  CHECK(p2p_mailbox_store_count(store) == 0);
  disconnect(&a, 0);
  p2p_mailbox_store_free(store);
}

UNIT_MAIN("mailbox_session", UNIT(two_sides_meet_and_a_third_is_crowded),
          UNIT(two_sides_meet_in_a_mailbox_without_a_nameplate),
          UNIT(the_id_of_a_mailbox_is_bounded), UNIT(a_side_that_lost_its_connection_can_go_on),
          UNIT(allocated_nameplates_are_short_and_free),
          UNIT(mistakes_are_reported_and_change_nothing),
          UNIT(every_prefix_of_a_message_gets_an_error),
          UNIT(a_nameplate_is_a_number_of_at_most_16_digits),
          UNIT(a_message_that_is_lost_for_want_of_memory_is_reported),
          UNIT(messages_are_bounded_in_size_and_number), UNIT(mailboxes_of_one_address_are_bounded),
          UNIT(mailboxes_that_nobody_has_open_make_room_for_others_behind_their_address),
          UNIT(mailboxes_in_all_are_bounded), UNIT(bytes_of_one_address_are_bounded),
          UNIT(many_nameplates_get_longer_and_stay_unique), UNIT(applications_are_separate),
          UNIT(a_mailbox_can_be_closed_from_a_new_connection))
