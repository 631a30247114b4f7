/* The receipt, to and from JSON. */
#include "transfer/receipt.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/encode.h"
#include "crypto/random.h"

void p2p_receipt_format(const uint8_t hash[P2P_SHA256_LEN], char out[P2P_RECEIPT_MAX]) {
  char hex[P2P_HEX_LEN(P2P_SHA256_LEN) + 1];

  p2p_hex_encode(hash, P2P_SHA256_LEN, hex);
  snprintf(out, P2P_RECEIPT_MAX, "{\"ack\":\"ok\",\"sha256\":\"%s\"}", hex);
}

static int parse_hash(const json_t *hex, uint8_t out[P2P_SHA256_LEN]) {
  size_t length = 0;

  if (!json_is_string(hex)) return P2P_ERR_PARSE;
  int code =
      p2p_hex_decode(json_string_value(hex), json_string_length(hex), out, P2P_SHA256_LEN, &length);
  return code == P2P_OK && length != P2P_SHA256_LEN ? P2P_ERR_PARSE : code;
}

int p2p_receipt_check(const uint8_t *text, size_t length, const uint8_t hash[P2P_SHA256_LEN],
                      struct p2p_err *err) {
  json_t *root = json_loadb((const char *)text, length, JSON_REJECT_DUPLICATES, NULL);
  const char *ack = json_string_value(json_object_get(root, "ack"));
  const json_t *hex = json_object_get(root, "sha256");
  bool has_hash = hex != NULL, is_ok = ack != NULL && strcmp(ack, "ok") == 0;
  uint8_t theirs[P2P_SHA256_LEN];

  if (is_ok && has_hash) is_ok = parse_hash(hex, theirs) == P2P_OK;
  json_decref(root);
  if (!is_ok)
    return p2p_err_set(err, P2P_ERR_PARSE, "the other side did not confirm that it has the file");
  if (has_hash && !p2p_equal(theirs, hash, sizeof theirs))
    return p2p_err_set(err, P2P_ERR_CRYPTO,
                       "the other side received corrupted data (SHA-256 mismatch)");
  return P2P_OK;
}
