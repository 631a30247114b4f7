/* The request on a connection to a transit relay, compared with its two forms. */
#include "server/relay_request.h"

#include <string.h>

#include "base/err.h"
#include "crypto/random.h"

#define SHORT_FORM_LEN (sizeof BEFORE_TOKEN - 1 + P2P_RELAY_TOKEN_LEN)
#define BEFORE_TOKEN "please relay "
#define BEFORE_SIDE " for side "

static bool is_hex(uint8_t c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* 'x' stands for a hex digit. */
static bool has_form(const uint8_t *bytes, size_t length, const char *form) {
  for (size_t i = 0; i < length; i++)
    if (form[i] == 'x' ? !is_hex(bytes[i]) : bytes[i] != (uint8_t)form[i]) return false;
  return true;
}

#define X16 "xxxxxxxxxxxxxxxx"
static const char short_form[] = BEFORE_TOKEN X16 X16 X16 X16 "\n";
static const char long_form[] = BEFORE_TOKEN X16 X16 X16 X16 BEFORE_SIDE X16 "\n";

static size_t smaller(size_t length, size_t limit) { return length < limit ? length : limit; }

long p2p_relay_request_parse(const uint8_t *bytes, size_t length, struct p2p_relay_request *out) {
  size_t short_length = sizeof short_form - 1, long_length = sizeof long_form - 1;
  bool is_short = has_form(bytes, smaller(length, short_length), short_form);
  bool is_long = has_form(bytes, smaller(length, long_length), long_form);
  if (!is_short && !is_long) return P2P_ERR_PARSE;
  if (length < short_length || (is_long && length < long_length)) return 0;
  memset(out, 0, sizeof *out);
  memcpy(out->token, bytes + sizeof BEFORE_TOKEN - 1, P2P_RELAY_TOKEN_LEN);
  out->has_side = is_long;
  if (is_long)
    memcpy(out->side, bytes + SHORT_FORM_LEN + sizeof BEFORE_SIDE - 1, P2P_RELAY_SIDE_LEN);
  return (long)(is_long ? long_length : short_length);
}

bool p2p_relay_request_matches(const struct p2p_relay_request *a,
                               const struct p2p_relay_request *b) {
  bool is_same_side = a->has_side && b->has_side && p2p_equal(a->side, b->side, P2P_RELAY_SIDE_LEN);
  return p2p_equal(a->token, b->token, P2P_RELAY_TOKEN_LEN) && !is_same_side;
}
