/* The mailbox client, with scripted JSON. */
#include "wormhole/mailbox.h"
#include "wormhole/phase.h"
#include "wormhole/reorder_buffer.h"

#include <jansson.h>
#include <stdlib.h>

#include "unit.h"

static int feed(struct p2p_mailbox *mailbox, const char *text) {
  return p2p_mailbox_receive(mailbox, text, strlen(text), NULL);
}

/* Removes the next request; compares its type and one more of its values. */
static void check_request(struct p2p_mailbox *mailbox, const char *type, const char *key,
                          const char *value) {
  char *text = p2p_mailbox_pop_text(mailbox);
  json_t *message = text ? json_loads(text, 0, NULL) : NULL;

  CHECK_STR(json_string_value(json_object_get(message, "type")), type);
  CHECK(json_string_length(json_object_get(message, "id")) == 8);
  if (key != NULL) CHECK_STR(json_string_value(json_object_get(message, key)), value);
  json_decref(message);
  free(text);
}

static void check_no_request(struct p2p_mailbox *mailbox) {
  char *text = p2p_mailbox_pop_text(mailbox);
  CHECK(text == NULL);
  free(text);
}

static void check_message(struct p2p_mailbox *mailbox, unsigned ordinal, const char *body) {
  struct p2p_mailbox_event event;

  if (!p2p_mailbox_pop_event(mailbox, &event)) {
    CHECK(!"an event");
    return;
  }
  CHECK(event.kind == P2P_MAILBOX_HAS_MESSAGE && event.ordinal == ordinal);
  CHECK(event.body_length == strlen(body) && memcmp(event.body, body, event.body_length) == 0);
  free(event.body);
}

static void check_event(struct p2p_mailbox *mailbox, enum p2p_mailbox_kind kind) {
  struct p2p_mailbox_event event = {.kind = P2P_MAILBOX_HAS_MESSAGE};
  CHECK(p2p_mailbox_pop_event(mailbox, &event) && event.kind == kind);
}

static void check_no_event(struct p2p_mailbox *mailbox) {
  struct p2p_mailbox_event event;
  CHECK(!p2p_mailbox_pop_event(mailbox, &event));
}

/* An open mailbox with nameplate 4, and no requests. */
static struct p2p_mailbox *joined(void) {
  struct p2p_mailbox *mailbox = NULL;

  CHECK(p2p_mailbox_new("app", "aa", "4", &mailbox) == P2P_OK);
  CHECK(feed(mailbox, "{\"type\":\"welcome\",\"welcome\":{\"motd\":\"hi\"},\"server_tx\":1.5}") ==
        P2P_OK);
  check_request(mailbox, "bind", "side", "aa");
  check_request(mailbox, "claim", "nameplate", "4");
  CHECK(feed(mailbox, "{\"type\":\"claimed\",\"mailbox\":\"m\"}") == P2P_OK);
  check_request(mailbox, "open", "mailbox", "m");
  check_event(mailbox, P2P_MAILBOX_HAS_OPENED);
  return mailbox;
}

TEST(the_opener_gets_a_nameplate_and_then_its_mailbox) {
  struct p2p_mailbox *mailbox = NULL;

  CHECK(p2p_mailbox_new("app", "aa", NULL, &mailbox) == P2P_OK);
  CHECK(p2p_mailbox_add(mailbox, "x", 1) == P2P_ERR_INVALID);
  CHECK(feed(mailbox, "{\"type\":\"welcome\",\"welcome\":{}}") == P2P_OK);
  check_request(mailbox, "bind", "appid", "app");
  check_request(mailbox, "allocate", NULL, NULL);
  CHECK(feed(mailbox, "{\"type\":\"ack\",\"id\":\"1\"}") == P2P_OK);
  CHECK(feed(mailbox, "{\"type\":\"allocated\",\"nameplate\":\"17\"}") == P2P_OK);
  check_event(mailbox, P2P_MAILBOX_HAS_NAMEPLATE);
  CHECK_STR(p2p_mailbox_nameplate(mailbox), "17");
  check_request(mailbox, "claim", "nameplate", "17");
  CHECK(feed(mailbox, "{\"type\":\"claimed\",\"mailbox\":\"m\"}") == P2P_OK);
  check_event(mailbox, P2P_MAILBOX_HAS_OPENED);
  check_request(mailbox, "open", "mailbox", "m");
  CHECK(p2p_mailbox_add(mailbox, "\xab\x01", 2) == P2P_OK);
  check_request(mailbox, "add", "body", "ab01");
  CHECK(p2p_mailbox_add(mailbox, "", 0) == P2P_OK);
  check_request(mailbox, "add", "phase", "version");
  CHECK(p2p_mailbox_add(mailbox, "", 0) == P2P_OK);
  check_request(mailbox, "add", "phase", "0");
  check_no_request(mailbox);
  p2p_mailbox_free(mailbox);
}

TEST(phases_arrive_in_order_and_once) {
  struct p2p_mailbox *mailbox = joined();

  CHECK(
      feed(mailbox, "{\"type\":\"message\",\"side\":\"aa\",\"phase\":\"pake\",\"body\":\"00\"}") ==
      P2P_OK);
  CHECK(p2p_mailbox_state(mailbox) == P2P_MAILBOX_ALONE);
  check_no_request(mailbox);
  CHECK(
      feed(mailbox, "{\"type\":\"message\",\"side\":\"bb\",\"phase\":\"0\",\"body\":\"6f6e65\"}") ==
      P2P_OK);
  CHECK(p2p_mailbox_state(mailbox) == P2P_MAILBOX_PAIRED);
  CHECK_STR(p2p_mailbox_peer(mailbox), "bb");
  check_request(mailbox, "release", "nameplate", "4");
  check_no_event(mailbox);
  CHECK(feed(mailbox,
             "{\"type\":\"message\",\"side\":\"bb\",\"phase\":\"version\",\"body\":\"76\"}") ==
        P2P_OK);
  CHECK(feed(mailbox,
             "{\"type\":\"message\",\"side\":\"bb\",\"phase\":\"dilate-0\",\"body\":\"76\"}") ==
        P2P_OK);
  CHECK(feed(mailbox, "{\"type\":\"message\",\"side\":\"bb\",\"phase\":\"00\",\"body\":\"76\"}") ==
        P2P_OK);
  check_no_event(mailbox);
  CHECK(
      feed(mailbox, "{\"type\":\"message\",\"side\":\"bb\",\"phase\":\"pake\",\"body\":\"70\"}") ==
      P2P_OK);
  CHECK(
      feed(mailbox, "{\"type\":\"message\",\"side\":\"bb\",\"phase\":\"pake\",\"body\":\"71\"}") ==
      P2P_OK);
  check_message(mailbox, P2P_PHASE_PAKE, "p");
  CHECK(
      feed(mailbox, "{\"type\":\"message\",\"side\":\"bb\",\"phase\":\"pake\",\"body\":\"72\"}") ==
      P2P_OK);
  check_message(mailbox, P2P_PHASE_VERSION, "v");
  check_message(mailbox, 2, "one");
  check_no_event(mailbox);
  p2p_mailbox_free(mailbox);
}

TEST(a_third_side_is_an_error) {
  struct p2p_mailbox *mailbox = joined();
  struct p2p_err err;
  static const char CROWDED[] = "{\"type\":\"error\",\"error\":\"crowded\",\"orig\":{}}";

  CHECK(
      feed(mailbox, "{\"type\":\"message\",\"side\":\"bb\",\"phase\":\"pake\",\"body\":\"70\"}") ==
      P2P_OK);
  CHECK(
      feed(mailbox, "{\"type\":\"message\",\"side\":\"cc\",\"phase\":\"pake\",\"body\":\"70\"}") ==
      P2P_ERR_ACCESS);
  CHECK(p2p_mailbox_receive(mailbox, CROWDED, sizeof CROWDED - 1, &err) == P2P_ERR_ACCESS);
  CHECK_STR(err.message, "more than two programs use nameplate 4");
  p2p_mailbox_free(mailbox);
}

#define ID "00112233445566778899aabbccddeeff"
#define WELCOME "{\"type\":\"welcome\",\"welcome\":{}}"

TEST(a_mailbox_with_an_id_is_opened_without_a_nameplate) {
  struct p2p_mailbox *mailbox = NULL;
  struct p2p_err err;
  static const char CROWDED[] = "{\"type\":\"error\",\"error\":\"crowded\",\"orig\":{}}";

  CHECK(p2p_mailbox_new_with_id("app", "aa", ID, &mailbox) == P2P_OK);
  CHECK(p2p_mailbox_add(mailbox, "x", 1) == P2P_ERR_INVALID);
  CHECK(feed(mailbox, WELCOME) == P2P_OK);
  check_request(mailbox, "bind", "side", "aa");
  check_request(mailbox, "open", "mailbox", ID);
  check_no_request(mailbox);
  check_event(mailbox, P2P_MAILBOX_HAS_OPENED);
  check_no_event(mailbox);
  CHECK(p2p_mailbox_state(mailbox) == P2P_MAILBOX_ALONE);
  CHECK_STR(p2p_mailbox_nameplate(mailbox), "");
  CHECK(p2p_mailbox_add(mailbox, "x", 1) == P2P_OK);
  check_request(mailbox, "add", "body", "78");
  /* A server that answers what nobody asked. */
  CHECK(feed(mailbox, "{\"type\":\"allocated\",\"nameplate\":\"4\"}") == P2P_OK);
  CHECK(feed(mailbox, "{\"type\":\"claimed\",\"mailbox\":\"m\"}") == P2P_OK);
  CHECK(feed(mailbox, "{\"type\":\"released\"}") == P2P_OK);
  CHECK(
      feed(mailbox, "{\"type\":\"message\",\"side\":\"bb\",\"phase\":\"pake\",\"body\":\"70\"}") ==
      P2P_OK);
  check_message(mailbox, P2P_PHASE_PAKE, "p");
  check_no_request(mailbox);
  CHECK(p2p_mailbox_receive(mailbox, CROWDED, sizeof CROWDED - 1, &err) == P2P_ERR_ACCESS);
  CHECK_STR(err.message, "more than two programs use the mailbox");
  p2p_mailbox_close(mailbox, P2P_MOOD_HAPPY);
  check_request(mailbox, "close", "mailbox", ID);
  check_no_request(mailbox);
  p2p_mailbox_free(mailbox);
}

TEST(a_mailbox_with_an_id_is_opened_again_after_each_reconnection) {
  struct p2p_mailbox *mailbox = NULL;

  CHECK(p2p_mailbox_new_with_id("app", "aa", ID, &mailbox) == P2P_OK);
  p2p_mailbox_reconnect(mailbox); /* before the welcome */
  CHECK(feed(mailbox, WELCOME) == P2P_OK);
  check_request(mailbox, "bind", "side", "aa");
  check_request(mailbox, "open", "mailbox", ID);
  check_event(mailbox, P2P_MAILBOX_HAS_OPENED);
  CHECK(p2p_mailbox_add(mailbox, "x", 1) == P2P_OK);
  for (int is_paired = 0; is_paired < 2; is_paired++) {
    p2p_mailbox_reconnect(mailbox);
    CHECK(feed(mailbox, WELCOME) == P2P_OK);
    check_request(mailbox, "bind", "side", "aa");
    check_request(mailbox, "open", "mailbox", ID);
    check_request(mailbox, "ping", NULL, NULL);
    check_no_request(mailbox);
    check_no_event(mailbox);
    CHECK(feed(mailbox, "{\"type\":\"pong\",\"pong\":1}") == P2P_OK);
    check_request(mailbox, "add", "body", "78");
    if (is_paired) break;
    CHECK(feed(mailbox,
               "{\"type\":\"message\",\"side\":\"bb\",\"phase\":\"pake\",\"body\":\"70\"}") ==
          P2P_OK);
    check_message(mailbox, P2P_PHASE_PAKE, "p");
    check_no_request(mailbox);
  }
  p2p_mailbox_reconnect(mailbox);
  p2p_mailbox_close(mailbox, P2P_MOOD_ERRORY); /* while it is disconnected */
  check_no_request(mailbox);
  p2p_mailbox_free(mailbox);
}

TEST(an_id_is_32_hexadecimal_digits) {
  CHECK(p2p_mailbox_id_is_valid(ID));
  CHECK(!p2p_mailbox_id_is_valid("") && !p2p_mailbox_id_is_valid(ID "0"));
  CHECK(!p2p_mailbox_id_is_valid("00112233445566778899aabbccddeef"));
  CHECK(!p2p_mailbox_id_is_valid("00112233445566778899aabbccddeefF"));
  CHECK(!p2p_mailbox_id_is_valid("00112233445566778899aabbccddeeg0"));
}

TEST(a_server_that_refuses_is_quoted) {
  struct p2p_mailbox *mailbox = NULL;
  struct p2p_err err;
  static const char NO[] = "{\"type\":\"welcome\",\"welcome\":{\"error\":\"too\\u0007 old\"}}";

  CHECK(p2p_mailbox_new("app", "aa", "4", &mailbox) == P2P_OK);
  CHECK(p2p_mailbox_receive(mailbox, NO, sizeof NO - 1, &err) == P2P_ERR_NETWORK);
  CHECK_STR(err.message, "the mailbox server refused the connection: too? old");
  CHECK(feed(mailbox,
             "{\"type\":\"welcome\",\"welcome\":{\"permission-required\":{\"hashcash\":{}}}}") ==
        P2P_ERR_NETWORK);
  check_no_request(mailbox);
  CHECK(feed(mailbox, "{\"type\":\"error\",\"error\":\"must bind\"}") == P2P_ERR_PROTOCOL);
  p2p_mailbox_free(mailbox);
}

TEST(closing_sends_a_mood_and_releases_the_nameplate) {
  struct p2p_mailbox *mailbox = joined();

  p2p_mailbox_close(mailbox, P2P_MOOD_LONELY);
  check_request(mailbox, "release", "nameplate", "4");
  check_request(mailbox, "close", "mood", "lonely");
  p2p_mailbox_close(mailbox, P2P_MOOD_HAPPY);
  check_no_request(mailbox);
  CHECK(feed(mailbox, "{\"type\":\"closed\"}") == P2P_OK);
  CHECK(p2p_mailbox_state(mailbox) == P2P_MAILBOX_CLOSED);
  p2p_mailbox_free(mailbox);
}

TEST(malformed_messages_are_errors) {
  static const char *const BAD[] = {
      "",
      "{",
      "[]",
      "1",
      "{}",
      "{\"type\":1}",
      "{\"type\":\"message\"}",
      "{\"type\":\"message\",\"side\":\"\"}",
      "{\"type\":\"message\",\"side\":\"bb\",\"phase\":\"1\"}",
      "{\"type\":\"message\",\"side\":\"bb\",\"phase\":\"1\",\"body\":\"0\"}",
      "{\"type\":\"message\",\"side\":\"bb\",\"phase\":\"1\",\"body\":\"zz\"}",
      "{\"type\":\"a\",\"type\":\"b\"}",
      "{\"type\":\"error\"}"};
  struct p2p_mailbox *mailbox = joined();

  for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++)
    CHECK(feed(mailbox, BAD[i]) == P2P_ERR_PROTOCOL);
  p2p_mailbox_free(mailbox);
  CHECK(p2p_mailbox_new("app", "aa", NULL, &mailbox) == P2P_OK);
  CHECK(feed(mailbox, "{\"type\":\"welcome\"}") == P2P_OK);
  CHECK(feed(mailbox, "{\"type\":\"allocated\",\"nameplate\":\"1; rm\"}") == P2P_ERR_PROTOCOL);
  CHECK(feed(mailbox, "{\"type\":\"allocated\",\"nameplate\":\"1\"}") == P2P_OK);
  CHECK(feed(mailbox, "{\"type\":\"claimed\",\"mailbox\":7}") == P2P_ERR_PROTOCOL);
  p2p_mailbox_free(mailbox);
}

TEST(a_mailbox_with_too_many_messages_is_an_error) {
  struct p2p_mailbox *mailbox = joined();
  char text[128];
  static char large[2 * P2P_REORDER_BUFFER_BODY_MAX + 256];

  for (int i = 0; i <= P2P_REORDER_BUFFER_AHEAD_MAX; i++) {
    snprintf(text, sizeof text,
             "{\"type\":\"message\",\"side\":\"bb\",\"phase\":\"%d\",\"body\":\"00\"}", i + 5);
    CHECK(feed(mailbox, text) == (i < P2P_REORDER_BUFFER_AHEAD_MAX ? P2P_OK : P2P_ERR_PROTOCOL));
  }
  p2p_mailbox_free(mailbox);
  mailbox = joined();
  int at = snprintf(large, sizeof large,
                    "{\"type\":\"message\",\"side\":\"bb\",\"phase\":\"pake\",\"body\":\"");
  memset(large + at, '0', 2 * P2P_REORDER_BUFFER_BODY_MAX + 2);
  strcpy(large + at + 2 * P2P_REORDER_BUFFER_BODY_MAX + 2, "\"}");
  CHECK(feed(mailbox, large) == P2P_ERR_PROTOCOL);
  p2p_mailbox_free(mailbox);
}

UNIT_MAIN("mailbox", UNIT(the_opener_gets_a_nameplate_and_then_its_mailbox),
          UNIT(phases_arrive_in_order_and_once), UNIT(a_third_side_is_an_error),
          UNIT(a_mailbox_with_an_id_is_opened_without_a_nameplate),
          UNIT(a_mailbox_with_an_id_is_opened_again_after_each_reconnection),
          UNIT(an_id_is_32_hexadecimal_digits), UNIT(a_server_that_refuses_is_quoted),
          UNIT(closing_sends_a_mood_and_releases_the_nameplate),
          UNIT(malformed_messages_are_errors), UNIT(a_mailbox_with_too_many_messages_is_an_error))
