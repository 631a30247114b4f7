/* protocol/r_vectors: elements that are read several at once are checked as others are. */
#include "base/chunks.h"
#include "protocol/r_vectors.h"

#include "r_object_fixture.h"

#define N 40

static void vector_of(int type, int32_t length, size_t size) {
  static const uint8_t zeros[64];
  integer(type);
  integer(length);
  bytes(zeros, (size_t)length * size);
}

static void strings_of(const char *text) {
  integer(P2P_R_STRINGS);
  integer(1);
  string(text);
}

/* One of nine plain elements. Returns the memory for it. */
static uint64_t plain(int i) {
  static const char *const texts[] = {"", "a", "some text"};
  switch (i % 9) {
  case 0: vector_of(P2P_R_INTEGERS, 1, 4); return P2P_R_CELL_BYTES + 4;
  case 1: vector_of(P2P_R_DOUBLES, 3, 8); return P2P_R_CELL_BYTES + 24;
  case 2: vector_of(P2P_R_LOGICALS, 7, 4); return P2P_R_CELL_BYTES + 28;
  case 3: vector_of(P2P_R_COMPLEXES, 2, 16); return P2P_R_CELL_BYTES + 32;
  case 4: vector_of(P2P_R_RAWS, 5, 1); return P2P_R_CELL_BYTES + 5;
  case 5: vector_of(P2P_R_INTEGERS, 0, 4); return P2P_R_CELL_BYTES;
  default:
    strings_of(texts[i % 9 - 6]);
    return P2P_R_CELL_BYTES + sizeof(void *) + 4 + 8 + strlen(texts[i % 9 - 6]);
  }
}

static int check_memory(uint64_t memory_bytes) {
  return check_rules((struct p2p_r_object_rules){.memory_bytes = memory_bytes});
}

/* A list of two: raw bytes, so that the elements of the other one begin `offset` bytes before the
 * end of a chunk, and a list whose elements `put` writes. Returns the memory for it. */
static uint64_t list_at(size_t offset, int n, uint64_t (*put)(int i)) {
  uint64_t memory = 3 * P2P_R_CELL_BYTES + (2 + (uint64_t)n) * sizeof(void *);
  begin();
  list_of(2);
  uint64_t fill = P2P_CHUNK_BYTES - offset - p2p_blob_size(object) - 16;
  integer(P2P_R_RAWS);
  integer((int32_t)fill);
  for (uint64_t i = 0; i < fill; i++) bytes("", 1);
  list_of(n);
  for (int i = 0; i < n; i++) memory += put(i);
  return memory + fill;
}

static uint64_t alike(int i) { return plain(i - i % 9 + 1); }

TEST(elements_are_read_in_one_chunk_and_in_two) {
  for (size_t offset = 0; offset < 400; offset++) {
    uint64_t (*const puts[])(int) = {plain, alike};
    for (int k = 0; k < 2; k++) {
      uint64_t memory = list_at(offset, N, puts[k]);
      CHECK(check_memory(memory) == P2P_OK);
      CHECK(check_memory(memory - 1) == P2P_ERR_TOO_LARGE);
      p2p_blob_free(object);
    }
  }
}

static size_t missing;

static int check_without_end(void) {
  struct p2p_blob *whole = object;
  const uint8_t *part;
  object = p2p_blob_new(UINT64_MAX);
  for (uint64_t at = 0, size = p2p_blob_size(whole) - missing; at < size;) {
    size_t n = p2p_blob_span(whole, at, &part);
    if (n > size - at) n = (size_t)(size - at);
    bytes(part, n);
    at += n;
  }
  p2p_blob_free(whole);
  return check();
}

TEST(a_list_that_is_cut_is_refused) {
  for (missing = 0; missing < 200; missing++) {
    list_at(300, N, plain);
    CHECK(check_without_end() == (missing == 0 ? P2P_OK : P2P_ERR_PARSE));
    list_at(300, N, alike);
    CHECK(check_without_end() == (missing == 0 ? P2P_OK : P2P_ERR_PARSE));
  }
}

/* What is wrong with an element. */
static void wrong_logical(void) { integer(P2P_R_LOGICALS), integer(1), integer(2); }
static void wrong_na(void) { integer(P2P_R_LOGICALS), integer(1), integer(INT32_MIN + 1); }
static void wrong_length(void) { integer(P2P_R_DOUBLES), integer(-2), real(1); }
static void too_long(void) { integer(P2P_R_INTEGERS), integer(INT32_MAX), integer(1); }
static void wrong_string(void) {
  integer(P2P_R_STRINGS), integer(1), integer(P2P_R_STRING), integer(-2);
}
static void no_string(void) { integer(P2P_R_STRINGS), integer(1), number(1); }
static void string_alone(void) { string("alone"); }
static void unknown(void) { integer(99), integer(1), integer(1); }

TEST(a_wrong_element_is_refused_wherever_it_is) {
  void (*const wrong[])(void) = {wrong_logical, wrong_na,  wrong_length, too_long,
                                 wrong_string,  no_string, string_alone, unknown};
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
    for (int before = 0; before < N; before++) {
      begin();
      list_of(N + 1);
      for (int k = 0; k < before; k++) alike(0);
      wrong[i]();
      for (int k = before; k < N; k++) alike(0);
      CHECK(check() == P2P_ERR_PARSE);
    }
  }
}

TEST(each_of_many_logical_values_is_checked) {
  for (int wrong = -1; wrong < 70; wrong++) {
    begin();
    integer(P2P_R_LOGICALS);
    integer(70);
    for (int i = 0; i < 70; i++) integer(i == wrong ? 2 : i % 3 == 2 ? INT32_MIN : i % 3);
    CHECK(check() == (wrong < 0 ? P2P_OK : P2P_ERR_PARSE));
  }
}

TEST(each_of_many_strings_is_checked) {
  for (int wrong = -1; wrong < N; wrong++) {
    for (int lengths = 1; lengths <= 3; lengths++) {
      begin();
      integer(P2P_R_STRINGS);
      integer(N);
      for (int i = 0; i < N; i++) {
        integer(i == wrong ? P2P_R_SYMBOL : P2P_R_STRING);
        integer(i % lengths);
        bytes("abc", (size_t)(i % lengths));
      }
      CHECK(check() == (wrong < 0 ? P2P_OK : P2P_ERR_PARSE));
    }
  }
}

UNIT_MAIN("r_vectors", UNIT(elements_are_read_in_one_chunk_and_in_two),
          UNIT(a_list_that_is_cut_is_refused), UNIT(a_wrong_element_is_refused_wherever_it_is),
          UNIT(each_of_many_logical_values_is_checked), UNIT(each_of_many_strings_is_checked))
