/* The pake message, to and from JSON. */
#include "wormhole/pake_message.h"

#include <jansson.h>
#include <stdio.h>

#include "base/encode.h"

void p2p_pake_message_format(const uint8_t element[P2P_SPAKE2_MESSAGE_LEN],
                             char out[P2P_PAKE_MESSAGE_MAX]) {
  char hex[P2P_HEX_LEN(P2P_SPAKE2_MESSAGE_LEN) + 1];

  p2p_hex_encode(element, P2P_SPAKE2_MESSAGE_LEN, hex);
  snprintf(out, P2P_PAKE_MESSAGE_MAX, "{\"pake_v1\":\"%s\"}", hex);
}

int p2p_pake_message_parse(const char *text, size_t length, uint8_t out[P2P_SPAKE2_MESSAGE_LEN],
                           struct p2p_err *err) {
  json_t *root = json_loadb(text, length, JSON_REJECT_DUPLICATES, NULL);
  const json_t *hex = json_object_get(root, "pake_v1");
  uint8_t element[P2P_SPAKE2_MESSAGE_LEN];
  size_t element_length = 0;
  int code = P2P_ERR_PARSE;

  if (json_is_string(hex))
    code = p2p_hex_decode(json_string_value(hex), json_string_length(hex), element, sizeof element,
                          &element_length);
  json_decref(root);
  if (code != P2P_OK || element_length != sizeof element)
    return p2p_err_set(err, P2P_ERR_PROTOCOL, "the other side sent a malformed first message");
  for (size_t i = 0; i < sizeof element; i++) out[i] = element[i];
  return P2P_OK;
}
