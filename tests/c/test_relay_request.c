/* The request on a connection to a transit relay. */
#include <stdlib.h>

#include "base/err.h"
#include "server/relay_request.h"
#include "unit.h"

#define TOKEN "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define LONG_FORM "please relay " TOKEN " for side 0011223344556677\n"
#define SHORT_FORM "please relay " TOKEN "\n"

static struct p2p_relay_request request;

static long parse(const char *text) {
  return p2p_relay_request_parse((const uint8_t *)text, strlen(text), &request);
}

TEST(both_forms_parse) {
  CHECK(parse(LONG_FORM) == P2P_RELAY_REQUEST_MAX);
  CHECK(request.has_side && memcmp(request.token, TOKEN, 64) == 0 &&
        memcmp(request.side, "0011223344556677", 16) == 0);
  CHECK(parse(SHORT_FORM) == (long)strlen(SHORT_FORM));
  CHECK(!request.has_side && memcmp(request.token, TOKEN, 64) == 0);
  CHECK(parse(SHORT_FORM "more") == (long)strlen(SHORT_FORM));
  CHECK(parse(LONG_FORM "more") == P2P_RELAY_REQUEST_MAX);
}

TEST(every_prefix_needs_more_bytes) {
  for (size_t length = 0; length < strlen(LONG_FORM); length++) {
    uint8_t *bytes = malloc(length + 1); /* the sanitizer finds reads beyond it */
    memcpy(bytes, LONG_FORM, length);
    CHECK(p2p_relay_request_parse(bytes, length, &request) == 0);
    free(bytes);
  }
}

TEST(a_wrong_byte_is_refused_at_once) {
  char text[] = LONG_FORM;
  for (size_t i = 0; i < strlen(LONG_FORM); i++) {
    char right = text[i];
    text[i] = '\x01';
    CHECK(p2p_relay_request_parse((const uint8_t *)text, i + 1, &request) == P2P_ERR_PARSE);
    text[i] = right;
  }
  CHECK(parse("GET / HTTP/1.1\r\n") == P2P_ERR_PARSE);
  CHECK(parse("please relay " TOKEN "0\n") == P2P_ERR_PARSE);
}

TEST(only_different_sides_of_one_token_match) {
  struct p2p_relay_request a, b;
  CHECK(parse(LONG_FORM) > 0);
  a = b = request;
  CHECK(!p2p_relay_request_matches(&a, &b));
  b.side[0] = 'f';
  CHECK(p2p_relay_request_matches(&a, &b));
  b.token[63] = '0';
  CHECK(!p2p_relay_request_matches(&a, &b));
  CHECK(parse(SHORT_FORM) > 0);
  CHECK(p2p_relay_request_matches(&a, &request) && p2p_relay_request_matches(&request, &request));
}

UNIT_MAIN("relay_request", UNIT(both_forms_parse), UNIT(every_prefix_needs_more_bytes),
          UNIT(a_wrong_byte_is_refused_at_once), UNIT(only_different_sides_of_one_token_match))
