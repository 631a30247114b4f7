/* Serialized R objects. */
#include "protocol/r_object.h"

#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

/* The same in pieces, whose lengths the object gives, and whose bytes do not last. */
static int check_pieces(const uint8_t *bytes, size_t length,
                        const struct p2p_r_object_rules *rules) {
  struct p2p_r_walk *walk = p2p_r_walk_new(length, rules);
  struct p2p_err err;
  int code = P2P_OK;
  size_t at = 0, n;
  if (walk == NULL) abort();
  do {
    n = length - at < 1 + (size_t)(bytes[at] % 50) ? length - at : 1 + (size_t)(bytes[at] % 50);
    uint8_t *piece = malloc(n);
    if (piece == NULL) abort();
    memcpy(piece, bytes + at, n);
    code = p2p_r_walk_feed(walk, piece, n, &err);
    free(piece);
    at += n;
  } while (code == P2P_OK && at < length);
  p2p_r_walk_free(walk);
  return code;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
  struct p2p_blob *object = p2p_blob_new(UINT64_MAX);
  if (object == NULL || p2p_blob_append(object, bytes, length) != P2P_OK) abort();
  struct p2p_r_object_rules any = {.memory_bytes = 1 << 20}, result = any, data = any;
  struct p2p_err err;
  result.content = P2P_R_RESULT;
  data.data_only = true;
  bool are_pieces = length > 0 && check_pieces(bytes, length, &any) == P2P_OK;
  bool is_any = p2p_r_object_check(object, &any, &err) == P2P_OK;
  bool is_result = p2p_r_object_check(object, &result, &err) == P2P_OK;
  bool is_data = p2p_r_object_check(object, &data, &err) == P2P_OK;
  if ((is_result || is_data) && !is_any) __builtin_trap();
  if (are_pieces != is_any) __builtin_trap();
  p2p_blob_free(object);
  return 0;
}
