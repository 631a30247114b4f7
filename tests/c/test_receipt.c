/* The receipt of a file. */
#include "transfer/receipt.h"

#include "unit.h"

#define HEX "0102030000000000000000000000000000000000000000000000000000000000"

static const uint8_t HASH[P2P_SHA256_LEN] = {1, 2, 3};

static int check_length(const char *text, size_t length) {
  return p2p_receipt_check((const uint8_t *)text, length, HASH, NULL);
}

static int check(const char *text) { return check_length(text, strlen(text)); }

TEST(a_receipt_confirms_the_hash) {
  char text[P2P_RECEIPT_MAX];
  p2p_receipt_format(HASH, text);
  CHECK_STR(text, "{\"ack\":\"ok\",\"sha256\":\"" HEX "\"}");
  CHECK(check(text) == P2P_OK);
  CHECK(check("{\"ack\":\"ok\"}") == P2P_OK); /* other programs omit the hash */
  CHECK(check("{\"more\":[1],\"sha256\":\"" HEX "\",\"ack\":\"ok\"}") == P2P_OK);
}

TEST(another_hash_means_corrupted_data) {
  struct p2p_err err;
  const char *text = "{\"ack\":\"ok\",\"sha256\":"
                     "\"ff02030000000000000000000000000000000000000000000000000000000000"
                     "\"}";
  CHECK(p2p_receipt_check((const uint8_t *)text, strlen(text), HASH, &err) == P2P_ERR_CRYPTO);
  CHECK_STR(err.message, "the other side received corrupted data (SHA-256 mismatch)");
}

TEST(a_truncated_receipt_confirms_nothing) {
  char text[P2P_RECEIPT_MAX];
  p2p_receipt_format(HASH, text);
  for (size_t length = 0; length < strlen(text); length++)
    CHECK(check_length(text, length) == P2P_ERR_PARSE);
}

TEST(malformed_receipts_confirm_nothing) {
  static char large[100000];
  const char *bad[] = {"[]",
                       "{}",
                       "{\"ack\":\"no\"}",
                       "{\"ack\":1}",
                       "{\"ack\":\"ok\",\"ack\":\"ok\"}",
                       "{\"ack\":\"ok\",\"sha256\":7}",
                       "{\"ack\":\"ok\",\"sha256\":null}",
                       "{\"ack\":\"ok\",\"sha256\":\"\"}",
                       "{\"ack\":\"ok\",\"sha256\":\"01\"}",
                       "{\"ack\":\"ok\",\"sha256\":\"" HEX "00\"}",
                       "{\"ack\":\"ok\",\"sha256\":\"" HEX "0\"}",
                       "{\"ack\":\"ok\",\"sha256\":\"zz\"}"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) CHECK(check(bad[i]) == P2P_ERR_PARSE);
  memset(large, '0', sizeof large);
  memcpy(large, "{\"ack\":\"ok\",\"sha256\":\"", 22);
  memcpy(large + sizeof large - 3, "\"}", 3);
  CHECK(check(large) == P2P_ERR_PARSE);
}

UNIT_MAIN("receipt", UNIT(a_receipt_confirms_the_hash), UNIT(another_hash_means_corrupted_data),
          UNIT(a_truncated_receipt_confirms_nothing), UNIT(malformed_receipts_confirm_nothing))
