/* Serialized R objects that are written by hand, item by item. */
#ifndef P2P_TESTS_R_OBJECT_FIXTURE_H
#define P2P_TESTS_R_OBJECT_FIXTURE_H

#include <stdlib.h>
#include <string.h>

#include "protocol/r_object.h"
#include "protocol/r_stream.h"
#include "protocol/r_types.h"
#include "unit.h"

#define ATTR P2P_R_HAS_ATTRIBUTES
#define TAG P2P_R_HAS_TAG
#define S4_BIT (1u << 16)
#define ACTIVE (1u << 27)

static struct p2p_blob *object;

static inline void bytes(const void *from, size_t length) {
  CHECK(p2p_blob_append(object, from, length) == P2P_OK);
}
static inline void integer(int32_t value) { bytes(&value, 4); }
static inline void real(double value) { bytes(&value, 8); }

static inline void begin_version(int32_t version, const char *format) {
  object = p2p_blob_new(UINT64_MAX);
  bytes(format, 2);
  integer(version);
  integer(0x040202);
  integer(0x030500);
  integer(5);
  bytes("UTF-8", 5);
}
static inline void begin(void) { begin_version(3, "B\n"); }

static inline void string(const char *text) {
  integer(P2P_R_STRING | 0x40 << 12);
  integer((int32_t)strlen(text));
  bytes(text, strlen(text));
}
static inline void symbol(const char *name) {
  integer(P2P_R_SYMBOL);
  string(name);
}
static inline void null(void) { integer(P2P_R_NULL_VALUE); }
static inline void list_of(int32_t n) {
  integer(P2P_R_LIST);
  integer(n);
}
static inline void number(int32_t value) {
  integer(P2P_R_INTEGERS);
  integer(1);
  integer(value);
}

/* A cell of an environment or of attributes. */
static inline void cell(uint32_t flags, const char *name) {
  integer((int32_t)(P2P_R_PAIRS | TAG | flags));
  symbol(name);
}
static inline void environment_without_frame(void) {
  integer(P2P_R_ENVIRONMENT);
  integer(0);
  integer(P2P_R_EMPTY_ENVIRONMENT);
}

/* Checks the object in pieces of `length` bytes. */
static inline int check_pieces(const struct p2p_r_object_rules *rules, size_t length) {
  uint64_t size = p2p_blob_size(object);
  uint8_t *all = malloc(size + 1), *piece = malloc(length);
  struct p2p_r_walk *walk = p2p_r_walk_new(size, rules);
  struct p2p_err err;
  const uint8_t *from;
  for (uint64_t at = 0, n; at < size; at += n) {
    n = p2p_blob_span(object, at, &from);
    memcpy(all + at, from, n);
  }
  int code = size == 0 ? p2p_r_walk_feed(walk, NULL, 0, &err) : P2P_OK;
  for (uint64_t at = 0; at < size && code == P2P_OK; at += length) {
    size_t n = size - at < length ? (size_t)(size - at) : length;
    memcpy(piece, all + at, n); /* whose bytes do not last */
    code = p2p_r_walk_feed(walk, piece, n, &err);
  }
  p2p_r_walk_free(walk);
  free(piece);
  free(all);
  return code;
}

static inline int check_rules(struct p2p_r_object_rules rules) {
  struct p2p_err err = {.message = ""};
  int code = p2p_r_object_check(object, &rules, &err);
  CHECK(check_pieces(&rules, p2p_blob_size(object) < 10000 ? 1 : 4097) == code);
  CHECK(check_pieces(&rules, 13) == code || p2p_blob_size(object) > 10000);
  CHECK(code == P2P_OK ? err.message[0] == '\0' : err.code == code && err.message[0] != '\0');
  return code;
}

/* Checks and frees the stream. */
static inline int check(void) {
  int code = check_rules((struct p2p_r_object_rules){.memory_bytes = 1 << 20});
  p2p_blob_free(object);
  return code;
}

/* Checks the stream by more rules, and frees it. */
static inline int check_content(enum p2p_r_content content, bool data_only) {
  int code = check_rules((struct p2p_r_object_rules){
      .memory_bytes = 1 << 20, .content = content, .data_only = data_only});
  p2p_blob_free(object);
  return code;
}

static inline void strings(int32_t n, const char *const *texts) {
  integer(P2P_R_STRINGS);
  integer(n);
  for (int32_t i = 0; i < n; i++) string(texts[i]);
}
static inline void one_string(const char *text) { strings(1, &text); }
static inline void integers(int32_t n, const int32_t *values) {
  integer(P2P_R_INTEGERS);
  integer(n);
  for (int32_t i = 0; i < n; i++) integer(values[i]);
}

#endif
