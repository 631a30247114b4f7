#include "protocol/r_data.h"

#include "r_object_fixture.h"

static void begin_list(void) {
  begin();
  list_of(1);
}
/* The object, without the rule and with it. */
static void check_not_data(void) {
  struct p2p_r_object_rules rules = {.memory_bytes = 1 << 20, .data_only = true};
  struct p2p_err err = {.message = ""};
  CHECK(p2p_r_object_check(object, &rules, &err) == P2P_ERR_INVALID);
  CHECK(err.reason != NULL && strcmp(err.reason, "not_data") == 0);
  CHECK(check() == P2P_OK);
}

TEST(vectors_lists_and_their_attributes_are_data) {
  begin();
  integer(P2P_R_LIST | ATTR), integer(7);
  integer(P2P_R_INTEGERS), integer(2), integer(1), integer(2);
  integer(P2P_R_DOUBLES), integer(1), real(1.5);
  integer(P2P_R_COMPLEXES), integer(1), real(0), real(1);
  integer(P2P_R_RAWS), integer(3), bytes("abc", 3);
  integer(P2P_R_LOGICALS), integer(3), integer(0), integer(1), integer(INT32_MIN);
  one_string("x");
  integer(P2P_R_ALTREP); /* 1:10 */
  integer(P2P_R_PAIRS), symbol("compact_intseq");
  integer(P2P_R_PAIRS), symbol("base");
  integer(P2P_R_PAIRS), number(P2P_R_INTEGERS);
  null();
  integer(P2P_R_DOUBLES), integer(3), real(10), real(1), real(1);
  cell(0, "b"), number(1);
  integer(P2P_R_PAIRS | TAG), integer(P2P_R_REFERENCE | 3 << 8), number(2); /* a name again */
  null();
  cell(0, "a"), list_of(1), null();
  null();
  CHECK(check_content(P2P_R_ANY, true) == P2P_OK);
}

TEST(functions_are_not_data) {
  begin_list();
  integer(P2P_R_CLOSURE | TAG), integer(P2P_R_GLOBAL_ENVIRONMENT), null(), null();
  check_not_data();
  begin_list();
  integer(P2P_R_BUILTIN), integer(3), bytes("sum", 3);
  check_not_data();
  begin_list();
  integer(P2P_R_SPECIAL), integer(2), bytes("if", 2);
  check_not_data();
  begin_list(); /* byte code */
  integer(P2P_R_BYTECODE), integer(0), integer(P2P_R_INTEGERS), integer(1), integer(8), integer(0);
  check_not_data();
}

TEST(environments_are_not_data) {
  static const int types[] = {P2P_R_GLOBAL_ENVIRONMENT, P2P_R_BASE_ENVIRONMENT,
                              P2P_R_EMPTY_ENVIRONMENT, P2P_R_BASE_NAMESPACE};
  for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
    begin_list();
    integer(types[i]);
    check_not_data();
  }
  begin_list();
  environment_without_frame(), null(), null(), null();
  check_not_data();
  begin_list(); /* which R would load */
  integer(P2P_R_NAMESPACE), integer(0), integer(1), string("stats");
  check_not_data();
  begin_list();
  integer(P2P_R_PACKAGE), integer(0), integer(1), string("package:stats");
  check_not_data();
}

TEST(code_is_not_data) {
  begin_list();
  integer(P2P_R_CALL), symbol("f"), null();
  check_not_data();
  begin_list();
  symbol("a");
  check_not_data();
  begin_list();
  integer(P2P_R_MISSING);
  check_not_data();
  begin_list();
  integer(P2P_R_EXPRESSION), integer(0);
  check_not_data();
  begin_list();
  integer(P2P_R_PAIRS), null(), null();
  check_not_data();
  begin_list(); /* a reference to the name of an attribute */
  integer(P2P_R_LIST | ATTR), integer(0), cell(0, "a"), integer(P2P_R_REFERENCE | 1 << 8), null();
  check_not_data();
}

TEST(pointers_weak_references_and_s4_objects_are_not_data) {
  begin_list();
  integer(P2P_R_EXTERNAL_POINTER), null(), null();
  check_not_data();
  begin_list();
  integer(P2P_R_WEAK_REFERENCE);
  check_not_data();
  begin_list();
  integer(P2P_R_S4);
  check_not_data();
  begin_list();
  integer((int32_t)(P2P_R_INTEGERS | S4_BIT)), integer(0);
  check_not_data();
}

TEST(what_is_not_data_is_found_in_attributes) {
  begin_list();
  integer(P2P_R_DOUBLES | ATTR), integer(0);
  cell(0, "hook"), integer(P2P_R_CLOSURE | TAG), integer(P2P_R_GLOBAL_ENVIRONMENT), null(), null();
  null();
  check_not_data();
  begin_list();
  integer(P2P_R_DOUBLES | ATTR), integer(0), cell(0, "dim"), number(0);
  cell(0, "dimnames"), integer((int32_t)(P2P_R_LIST | S4_BIT)), integer(1), null();
  null();
  check_not_data();
}

static void table_with_pointer(const char *name) {
  begin_list();
  integer(P2P_R_LIST | ATTR), integer(0), cell(0, name);
  integer(P2P_R_EXTERNAL_POINTER), integer(P2P_R_EXTERNAL_POINTER), null(), null(), null();
  null();
}

TEST(the_pointer_of_a_data_table_is_accepted_in_its_place) {
  table_with_pointer(".internal.selfref");
  CHECK(check_content(P2P_R_ANY, true) == P2P_OK);
  table_with_pointer("selfref");
  check_not_data();
}

/* ---- Results and conditions ---- */

static void list_of_class(uint32_t type, const char *class) {
  begin();
  integer((int32_t)(type | (class != NULL ? ATTR : 0))), integer(0);
  if (class != NULL) cell(0, "class"), strings(2, (const char *const[]){"x", class}), null();
}

TEST(a_result_or_a_condition_is_a_list_of_its_class) {
  static const struct {
    const char *class;
    bool is_result, is_condition;
  } cases[] = {
      {"FutureResult", true, false},   {"FutureError", true, false}, {"condition", false, true},
      {"FutureResultx", false, false}, {"", false, false},           {NULL, false, false}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    list_of_class(P2P_R_LIST, cases[i].class);
    CHECK(check_content(P2P_R_RESULT, false) == (cases[i].is_result ? P2P_OK : P2P_ERR_PARSE));
    list_of_class(P2P_R_LIST, cases[i].class);
    CHECK(check_content(P2P_R_CONDITION, false) ==
          (cases[i].is_condition ? P2P_OK : P2P_ERR_PARSE));
    list_of_class(P2P_R_INTEGERS, cases[i].class);
    CHECK(check_content(P2P_R_RESULT, false) == P2P_ERR_PARSE);
  }
  begin(); /* of that class is only what it contains */
  list_of(1);
  integer(P2P_R_LIST | ATTR), integer(0), cell(0, "class"), one_string("FutureResult"), null();
  CHECK(check_content(P2P_R_RESULT, false) == P2P_ERR_PARSE);
}

UNIT_MAIN("r_data", UNIT(vectors_lists_and_their_attributes_are_data), UNIT(functions_are_not_data),
          UNIT(environments_are_not_data), UNIT(code_is_not_data),
          UNIT(pointers_weak_references_and_s4_objects_are_not_data),
          UNIT(what_is_not_data_is_found_in_attributes),
          UNIT(the_pointer_of_a_data_table_is_accepted_in_its_place),
          UNIT(a_result_or_a_condition_is_a_list_of_its_class))
