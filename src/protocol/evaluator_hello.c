/* The HELLO of an evaluator process. */
#include "protocol/evaluator_hello.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/sanitize.h"
#include "protocol/pairs.h"

long p2p_evaluator_hello_write(uint64_t peak_bytes, uint64_t data_bytes, const char *text,
                               char out[static P2P_EVALUATOR_HELLO_MAX]) {
  int length = snprintf(out, P2P_EVALUATOR_HELLO_MAX, "peak=%llu\ndata=%llu\n%s",
                        (unsigned long long)peak_bytes, (unsigned long long)data_bytes, text);
  return length < 0 || length >= P2P_EVALUATOR_HELLO_MAX ? P2P_ERR_TOO_LARGE : length;
}

bool p2p_evaluator_hello_read(const void *payload, size_t length, char *error, size_t size) {
  const char *value;
  size_t value_length;
  error[0] = '\0';
  if (!p2p_pairs_find(payload, length, "error", &value, &value_length)) return false;
  p2p_sanitize(value, value_length, error, size);
  return true;
}

static uint64_t get_bytes(const void *payload, size_t length, const char *key) {
  char text[24], *end;
  if (!p2p_pairs_get(payload, length, key, text, sizeof text)) return 0;
  uint64_t bytes = strtoull(text, &end, 10);
  return end == text || *end != '\0' ? 0 : bytes;
}

uint64_t p2p_evaluator_hello_peak_bytes(const void *payload, size_t length) {
  return get_bytes(payload, length, "peak");
}

uint64_t p2p_evaluator_hello_data_bytes(const void *payload, size_t length) {
  return get_bytes(payload, length, "data");
}
