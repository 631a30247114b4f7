/* Serialized R objects. */
#include "protocol/r_object.h"

#include <stdlib.h>

#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
  struct p2p_blob *object = p2p_blob_new(UINT64_MAX);
  if (object == NULL || p2p_blob_append(object, bytes, length) != P2P_OK) abort();
  struct p2p_r_object_rules any = {.memory_bytes = 1 << 20}, result = any, data = any;
  struct p2p_err err;
  result.content = P2P_R_RESULT;
  data.data_only = true;
  bool is_any = p2p_r_object_check(object, &any, &err) == P2P_OK;
  bool is_result = p2p_r_object_check(object, &result, &err) == P2P_OK;
  bool is_data = p2p_r_object_check(object, &data, &err) == P2P_OK;
  if ((is_result || is_data) && !is_any) __builtin_trap();
  p2p_blob_free(object);
  return 0;
}
