#include "base/chunks.h"
#include "protocol/r_object.h"

#include "r_object_fixture.h"

/* ---- Whole objects ---- */

/* list(a = 1:2, e = <environment>, f = function(x) x) with most types in it. */
static void many_types(void) {
  begin();
  integer(P2P_R_LIST | ATTR);
  integer(13);
  integer(P2P_R_INTEGERS), integer(2), integer(1), integer(2);
  integer(P2P_R_DOUBLES), integer(1), real(1.5);
  integer(P2P_R_COMPLEXES), integer(1), real(0), real(1);
  integer(P2P_R_RAWS), integer(3), bytes("abc", 3);
  integer(P2P_R_LOGICALS), integer(0);
  integer(P2P_R_STRINGS), integer(2), string("x"), integer(P2P_R_STRING), integer(-1); /* NA */
  environment_without_frame(); /* with a hash table, a promise and an active binding */
  null();
  list_of(2);
  null();
  cell(0, "p");
  integer(P2P_R_PROMISE | TAG), integer(P2P_R_GLOBAL_ENVIRONMENT), integer(P2P_R_UNBOUND);
  integer(P2P_R_CALL), symbol("f"), null();
  cell(ACTIVE, "a");
  integer(P2P_R_CLOSURE | TAG), integer(P2P_R_BASE_NAMESPACE), null(), number(1);
  null();
  null();                               /* attributes of the environment */
  integer(P2P_R_REFERENCE | 1 << 8);    /* the same environment, */
  integer(P2P_R_REFERENCE), integer(1); /* also in the other form */
  integer(P2P_R_BUILTIN), integer(3), bytes("sum", 3);
  integer(P2P_R_NAMESPACE), integer(0), integer(2), string("stats"), string("4.2.2");
  integer(P2P_R_EXTERNAL_POINTER), null(), null();
  integer(P2P_R_S4 | ATTR), cell(0, "slot"), number(3), null();
  cell(0, "names");
  integer(P2P_R_STRINGS), integer(13);
  for (int i = 0; i < 13; i++) string("");
  null();
}

/* 1:n */
static void sequence(double n) {
  integer(P2P_R_ALTREP);
  integer(P2P_R_PAIRS), symbol("compact_intseq");
  integer(P2P_R_PAIRS), symbol("base");
  integer(P2P_R_PAIRS), number(P2P_R_INTEGERS);
  null();
  integer(P2P_R_DOUBLES), integer(3), real(n), real(1), real(1);
  null();
}

/* Byte code whose only constant is f(x, <the same cell>). */
static void bytecode(int32_t second_reference) {
  integer(P2P_R_BYTECODE);
  integer(1); /* shared cells */
  integer(P2P_R_INTEGERS), integer(1), integer(8);
  integer(1); /* constants */
  integer(P2P_R_CALL), null(), integer(0), symbol("f");
  integer(P2P_R_PAIRS), null();
  integer(P2P_R_SHARED_DEFINED), integer(0), integer(P2P_R_CALL), null(), integer(0), symbol("x");
  integer(0), null();
  integer(P2P_R_PAIRS), null();
  integer(P2P_R_SHARED), integer(second_reference);
  integer(0), null();
}

TEST(an_object_of_many_types_is_accepted) {
  many_types();
  CHECK(check() == P2P_OK);
}

TEST(every_prefix_of_an_object_is_refused) {
  many_types();
  struct p2p_blob *whole = object;
  uint64_t size = p2p_blob_size(whole);
  const uint8_t *at;
  CHECK(p2p_blob_span(whole, 0, &at) == size);
  for (uint64_t length = 0; length < size; length++) {
    object = p2p_blob_new(UINT64_MAX);
    bytes(at, (size_t)length);
    CHECK(check() == P2P_ERR_PARSE);
  }
  p2p_blob_free(whole);
}

TEST(bytes_after_the_object_are_refused) {
  many_types();
  bytes("", 1);
  CHECK(check() == P2P_ERR_PARSE);
}

TEST(an_object_of_several_chunks_is_accepted) {
  begin();
  integer(P2P_R_STRINGS), integer(30000);
  for (int i = 0; i < 30000; i++) string("12345"); /* 13 bytes: crosses the chunks' ends */
  CHECK(p2p_blob_size(object) > 3 * P2P_CHUNK_BYTES);
  CHECK(check() == P2P_OK);
  begin();
  integer(P2P_R_RAWS), integer(3 * P2P_CHUNK_BYTES);
  for (int i = 0; i < 3 * P2P_CHUNK_BYTES / 4; i++) integer(i);
  CHECK(check() == P2P_OK);
}

TEST(another_version_format_or_byte_order_is_named) {
  begin_version(2, "B\n");
  null();
  CHECK(check() == P2P_ERR_VERSION);
  begin_version(3, "X\n");
  null();
  CHECK(check() == P2P_ERR_VERSION);
  begin_version(0x03000000, "B\n");
  null();
  CHECK(check() == P2P_ERR_VERSION);
}

/* ---- Lengths and memory ---- */

TEST(lengths_beyond_the_object_are_refused) {
  static const int types[] = {P2P_R_LOGICALS,  P2P_R_INTEGERS,   P2P_R_DOUBLES,
                              P2P_R_COMPLEXES, P2P_R_STRINGS,    P2P_R_LIST,
                              P2P_R_RAWS,      P2P_R_EXPRESSION, P2P_R_BYTECODE};
  static const int32_t lengths[] = {INT32_MAX, -2, INT32_MIN, 65};
  for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
    for (size_t j = 0; j < sizeof lengths / sizeof lengths[0]; j++) {
      begin();
      integer(types[i]);
      integer(lengths[j]);
      for (int k = 0; k < 16; k++) integer(P2P_R_NULL_VALUE);
      CHECK(check() == P2P_ERR_PARSE);
    }
    begin();
    integer(types[i]);
    integer(-1), integer(-1), integer(-1); /* a long vector of 2^64 - 1 */
    for (int k = 0; k < 16; k++) integer(P2P_R_NULL_VALUE);
    CHECK(check() == P2P_ERR_PARSE);
  }
  begin();
  integer(P2P_R_STRINGS), integer(1), integer(P2P_R_STRING), integer(INT32_MAX);
  CHECK(check() == P2P_ERR_PARSE);
}

TEST(a_compact_sequence_counts_with_all_its_elements) {
  begin();
  sequence(1000);
  CHECK(check() == P2P_OK);
  begin();
  sequence(1e9);
  CHECK(check() == P2P_ERR_TOO_LARGE);
  begin();
  sequence(-1);
  CHECK(check() == P2P_ERR_PARSE);
  begin();
  sequence(1e300);
  CHECK(check() == P2P_ERR_PARSE);
}

TEST(memory_is_bounded) {
  begin();
  list_of(20000);
  for (int i = 0; i < 20000; i++) integer(P2P_R_INTEGERS), integer(0); /* 8 bytes become 56 */
  CHECK(check() == P2P_ERR_TOO_LARGE);
}

/* ---- Depth ---- */

TEST(nesting_is_bounded) {
  for (int depth = P2P_R_NESTING_MAX - 2; depth <= 200000; depth += 195002) {
    begin();
    for (int i = 0; i < depth; i++) list_of(1);
    null();
    CHECK(check() == (depth < P2P_R_NESTING_MAX ? P2P_OK : P2P_ERR_TOO_LARGE));
  }
}

TEST(pairlists_are_bounded) {
  for (int length = P2P_R_DEPTH_MAX - 2; length <= 200000; length += 180002) {
    begin();
    for (int i = 0; i < length; i++) integer(P2P_R_PAIRS), null();
    null();
    int code = check_rules((struct p2p_r_object_rules){.memory_bytes = UINT64_MAX});
    CHECK(code == (length < P2P_R_DEPTH_MAX ? P2P_OK : P2P_ERR_TOO_LARGE));
    p2p_blob_free(object);
  }
}

/* ---- Objects that R would build, and that crash it later or run code when they are touched ----
 */

TEST(a_promise_is_accepted_in_an_environment_only) {
  begin();
  list_of(1);
  integer(P2P_R_PROMISE | TAG), integer(P2P_R_GLOBAL_ENVIRONMENT), integer(P2P_R_UNBOUND), null();
  CHECK(check() == P2P_ERR_PARSE);
  begin();
  integer(P2P_R_CALL), symbol("f"), integer(P2P_R_PAIRS);
  integer(P2P_R_PROMISE | TAG), integer(P2P_R_GLOBAL_ENVIRONMENT), integer(P2P_R_UNBOUND), null();
  null();
  CHECK(check() == P2P_ERR_PARSE);
}

TEST(an_active_binding_is_accepted_in_an_environment_only) {
  begin();
  cell(ACTIVE, "a");
  null();
  null();
  CHECK(check() == P2P_ERR_PARSE);
}

TEST(a_malformed_environment_is_refused) {
  begin(); /* an empty hash table */
  environment_without_frame();
  null();
  list_of(0);
  null();
  CHECK(check() == P2P_ERR_PARSE);
  begin(); /* a hash table of numbers */
  environment_without_frame();
  null();
  list_of(1), number(1);
  null();
  CHECK(check() == P2P_ERR_PARSE);
  begin(); /* a frame that is a vector */
  environment_without_frame();
  number(1);
  null();
  null();
  CHECK(check() == P2P_ERR_PARSE);
  begin(); /* a variable without a name */
  environment_without_frame();
  integer(P2P_R_PAIRS), number(1), null();
  null();
  null();
  CHECK(check() == P2P_ERR_PARSE);
  begin(); /* enclosed by a number */
  integer(P2P_R_ENVIRONMENT), integer(0), number(1), null(), null(), null();
  CHECK(check() == P2P_ERR_PARSE);
}

TEST(cells_tags_and_attributes_have_their_types) {
  begin(); /* a pairlist that ends with a number */
  integer(P2P_R_PAIRS), null(), number(1);
  CHECK(check() == P2P_ERR_PARSE);
  begin(); /* a tag that is a number */
  integer(P2P_R_PAIRS | TAG), number(1), null(), null();
  CHECK(check() == P2P_ERR_PARSE);
  begin(); /* attributes that are a vector */
  integer(P2P_R_LIST | ATTR), integer(0), number(1);
  CHECK(check() == P2P_ERR_PARSE);
  begin(); /* a character vector of numbers */
  integer(P2P_R_STRINGS), integer(1), number(1);
  CHECK(check() == P2P_ERR_PARSE);
  begin(); /* a list of bare strings */
  list_of(1), string("x");
  CHECK(check() == P2P_ERR_PARSE);
  begin(); /* a symbol named by a number */
  integer(P2P_R_SYMBOL), number(1);
  CHECK(check() == P2P_ERR_PARSE);
  begin(); /* a symbol without a name */
  integer(P2P_R_SYMBOL), integer(P2P_R_STRING), integer(-1);
  CHECK(check() == P2P_ERR_PARSE);
  begin(); /* a function in a number */
  integer(P2P_R_CLOSURE | TAG), number(1), null(), null();
  CHECK(check() == P2P_ERR_PARSE);
  begin(); /* a function without an environment */
  integer(P2P_R_CLOSURE), null(), null();
  CHECK(check() == P2P_ERR_PARSE);
}

TEST(references_point_to_what_came_before) {
  static const int32_t indices[] = {0, 1, -1, INT32_MAX};
  for (size_t i = 0; i < sizeof indices / sizeof indices[0]; i++) {
    begin();
    integer(P2P_R_REFERENCE), integer(indices[i]);
    CHECK(check() == P2P_ERR_PARSE);
  }
  begin(); /* as a tag, to an environment */
  list_of(2);
  environment_without_frame(), null(), null(), null();
  integer(P2P_R_PAIRS | TAG), integer(P2P_R_REFERENCE | 1 << 8), null(), null();
  CHECK(check() == P2P_ERR_PARSE);
}

TEST(byte_code_refers_to_cells_that_are_defined) {
  begin();
  bytecode(0);
  CHECK(check() == P2P_OK);
  static const int32_t indices[] = {1, -1, INT32_MAX};
  for (size_t i = 0; i < sizeof indices / sizeof indices[0]; i++) {
    begin();
    bytecode(indices[i]);
    CHECK(check() == P2P_ERR_PARSE);
  }
  begin(); /* a cell that contains itself */
  integer(P2P_R_BYTECODE), integer(1), integer(P2P_R_INTEGERS), integer(1), integer(8), integer(1);
  integer(P2P_R_SHARED_DEFINED), integer(0), integer(P2P_R_CALL), null();
  integer(P2P_R_SHARED), integer(0), integer(0), null();
  CHECK(check() == P2P_ERR_PARSE);
  begin(); /* a cell whose tail is itself */
  integer(P2P_R_BYTECODE), integer(1), integer(P2P_R_INTEGERS), integer(1), integer(8), integer(1);
  integer(P2P_R_SHARED_DEFINED), integer(0), integer(P2P_R_CALL), null();
  integer(0), null(), integer(P2P_R_SHARED), integer(0);
  CHECK(check() == P2P_ERR_PARSE);
}

TEST(unknown_types_and_classes_are_refused) {
  static const int types[] = {11,  12,  18,  26,  99,  100, 101, 102,
                              200, 239, 240, 243, 244, 245, 246, 247};
  for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
    begin();
    list_of(1);
    integer(types[i]);
    for (int k = 0; k < 16; k++) integer(P2P_R_NULL_VALUE);
    CHECK(check() == P2P_ERR_PARSE);
  }
  begin(); /* a vector that maps a file */
  integer(P2P_R_ALTREP);
  integer(P2P_R_PAIRS), symbol("mmap_real");
  integer(P2P_R_PAIRS), symbol("base");
  integer(P2P_R_PAIRS), number(P2P_R_DOUBLES);
  null();
  integer(P2P_R_STRINGS), integer(1), string("/etc/passwd");
  null();
  CHECK(check() == P2P_ERR_PARSE);
}

TEST(an_internal_function_has_no_attributes) { /* R would give them to the function, or to NULL */
  static const uint32_t flags[] = {ATTR, TAG, 1u << 8, 1u << 12, S4_BIT};
  for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
    begin();
    integer((int32_t)(P2P_R_BUILTIN | flags[i])), integer(3), bytes("sum", 3);
    if (flags[i] == ATTR) cell(0, "class"), integer(P2P_R_STRINGS), integer(1), string("x"), null();
    CHECK(check() == P2P_ERR_PARSE);
  }
}

TEST(a_string_has_no_attributes_and_no_class) { /* R shares strings */
  static const uint32_t flags[] = {ATTR, TAG, 1u << 8};
  for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
    begin();
    integer(P2P_R_STRINGS), integer(1);
    integer((int32_t)(P2P_R_STRING | flags[i])), integer(1), bytes("x", 1);
    null();
    CHECK(check() == P2P_ERR_PARSE);
  }
}

TEST(variables_and_arguments_have_names) {
  begin(); /* a variable that is named NULL */
  environment_without_frame();
  integer(P2P_R_PAIRS | TAG), null(), number(1), null();
  null(), null();
  CHECK(check() == P2P_ERR_PARSE);
  for (int has_name = 0; has_name < 2; has_name++) {
    begin();
    integer(P2P_R_CLOSURE | TAG), integer(P2P_R_GLOBAL_ENVIRONMENT);
    integer(P2P_R_PAIRS | (has_name ? TAG : 0));
    if (has_name) symbol("x");
    integer(P2P_R_MISSING), null(), null();
    CHECK(check() == (has_name ? P2P_OK : P2P_ERR_PARSE));
  }
}

TEST(a_logical_value_is_true_false_or_na) { /* R uses it as an index */
  static const int32_t values[] = {0, 1, INT32_MIN, 2, -1, INT32_MAX, INT32_MIN + 1};
  for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
    begin();
    integer(P2P_R_LOGICALS), integer(40000);
    for (int k = 1; k < 40000; k++) integer(k % 2);
    integer(values[i]);
    CHECK(check() == (i < 3 ? P2P_OK : P2P_ERR_PARSE));
  }
}

TEST(the_name_of_the_encoding_is_plain) {
  static const char *const names[] = {"UTF-8", "ISO-8859-15", "UTF-8//", "../x", "a b"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    object = p2p_blob_new(UINT64_MAX);
    bytes("B\n", 2), integer(3), integer(0x040202), integer(0x030500);
    integer((int32_t)strlen(names[i])), bytes(names[i], strlen(names[i]));
    null();
    CHECK(check() == (i < 2 ? P2P_OK : P2P_ERR_PARSE));
  }
}

/* ---- Rules ---- */

TEST(a_task_is_a_plain_list) {
  struct p2p_r_object_rules rules = {.memory_bytes = 1 << 20, .content = P2P_R_TASK};
  many_types();
  CHECK(check_rules(rules) == P2P_OK);
  p2p_blob_free(object);
  begin();
  environment_without_frame(), null(), null(), null();
  CHECK(check_rules(rules) == P2P_ERR_PARSE);
  p2p_blob_free(object);
  begin();
  integer((int32_t)(P2P_R_LIST | S4_BIT)), integer(0);
  CHECK(check_rules(rules) == P2P_ERR_PARSE);
  p2p_blob_free(object);
}

UNIT_MAIN("r_object", UNIT(an_object_of_many_types_is_accepted),
          UNIT(every_prefix_of_an_object_is_refused), UNIT(bytes_after_the_object_are_refused),
          UNIT(an_object_of_several_chunks_is_accepted),
          UNIT(another_version_format_or_byte_order_is_named),
          UNIT(lengths_beyond_the_object_are_refused),
          UNIT(a_compact_sequence_counts_with_all_its_elements), UNIT(memory_is_bounded),
          UNIT(nesting_is_bounded), UNIT(pairlists_are_bounded),
          UNIT(a_promise_is_accepted_in_an_environment_only),
          UNIT(an_active_binding_is_accepted_in_an_environment_only),
          UNIT(a_malformed_environment_is_refused),
          UNIT(cells_tags_and_attributes_have_their_types),
          UNIT(references_point_to_what_came_before),
          UNIT(byte_code_refers_to_cells_that_are_defined),
          UNIT(unknown_types_and_classes_are_refused), UNIT(an_internal_function_has_no_attributes),
          UNIT(a_string_has_no_attributes_and_no_class), UNIT(variables_and_arguments_have_names),
          UNIT(a_logical_value_is_true_false_or_na), UNIT(the_name_of_the_encoding_is_plain),
          UNIT(a_task_is_a_plain_list))
