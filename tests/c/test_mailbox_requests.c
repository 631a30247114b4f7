/* Requests to a mailbox server. */
#include "wormhole/mailbox_requests.h"

#include <jansson.h>
#include <stdlib.h>

#include "unit.h"

/* Removes the oldest request and compares it, apart from its id, which must be 8 digits. */
static void check_next(struct p2p_mailbox_requests *requests, const char *expected) {
  char *text = p2p_mailbox_requests_pop(requests);
  json_t *message = text != NULL ? json_loads(text, 0, NULL) : NULL;

  CHECK(json_string_length(json_object_get(message, "id")) == 8);
  json_object_del(message, "id");
  free(text);
  text = json_dumps(message, JSON_COMPACT | JSON_SORT_KEYS);
  CHECK_STR(text, expected);
  free(text);
  json_decref(message);
}

TEST(requests_leave_in_the_order_of_their_arrival) {
  struct p2p_mailbox_requests requests = {0};

  p2p_mailbox_requests_bind(&requests, "app", "aa");
  p2p_mailbox_requests_allocate(&requests);
  p2p_mailbox_requests_claim(&requests, "4");
  p2p_mailbox_requests_release(&requests, "4");
  p2p_mailbox_requests_open(&requests, "m");
  p2p_mailbox_requests_ping(&requests);
  p2p_mailbox_requests_add(&requests, "pake", "00ff");
  p2p_mailbox_requests_close(&requests, "m", "happy");
  check_next(&requests, "{\"appid\":\"app\",\"side\":\"aa\",\"type\":\"bind\"}");
  check_next(&requests, "{\"type\":\"allocate\"}");
  check_next(&requests, "{\"nameplate\":\"4\",\"type\":\"claim\"}");
  check_next(&requests, "{\"nameplate\":\"4\",\"type\":\"release\"}");
  check_next(&requests, "{\"mailbox\":\"m\",\"type\":\"open\"}");
  check_next(&requests, "{\"ping\":1,\"type\":\"ping\"}");
  check_next(&requests, "{\"body\":\"00ff\",\"phase\":\"pake\",\"type\":\"add\"}");
  check_next(&requests, "{\"mailbox\":\"m\",\"mood\":\"happy\",\"type\":\"close\"}");
  CHECK(p2p_mailbox_requests_pop(&requests) == NULL);
  CHECK(!requests.has_failed);
}

TEST(a_request_that_is_lost_is_noticed) {
  struct p2p_mailbox_requests requests = {0};

  for (size_t i = 0; i < P2P_MAILBOX_REQUESTS_MAX; i++) p2p_mailbox_requests_ping(&requests);
  CHECK(!requests.has_failed);
  p2p_mailbox_requests_ping(&requests);
  CHECK(requests.has_failed && requests.count == P2P_MAILBOX_REQUESTS_MAX);
  p2p_mailbox_requests_clear(&requests);
  CHECK(p2p_mailbox_requests_pop(&requests) == NULL);
  p2p_mailbox_requests_claim(&requests, "\xff"); /* not UTF-8 */
  CHECK(requests.count == 0);
}

UNIT_MAIN("mailbox_requests", UNIT(requests_leave_in_the_order_of_their_arrival),
          UNIT(a_request_that_is_lost_is_noticed))
