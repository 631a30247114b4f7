/* Test vectors, read from tests/vectors (see its README). */
#ifndef P2P_TESTS_VECTORS_H
#define P2P_TESTS_VECTORS_H

#include <jansson.h>
#include <stdlib.h>

#include "base/encode.h"
#include "unit.h"

/* `name`: "spake2". The caller drops the reference. Units run in the project's root. */
static inline json_t *vectors_load(const char *name) {
  char path[64];
  json_error_t error;

  snprintf(path, sizeof path, "tests/vectors/%s.json", name);
  json_t *root = json_load_file(path, 0, &error);
  if (root == NULL) fprintf(stderr, "%s: %s\n", error.source, error.text);
  return root;
}

static inline const char *vectors_text(const json_t *object, const char *key) {
  const char *text = json_string_value(json_object_get(object, key));

  CHECK(text != NULL);
  return text ? text : "";
}

static inline size_t vectors_bytes(const json_t *object, const char *key, uint8_t *out,
                                   size_t size) {
  const char *hex = vectors_text(object, key);
  size_t length = 0;

  CHECK(p2p_hex_decode(hex, strlen(hex), out, size, &length) == P2P_OK);
  return length;
}

#endif
