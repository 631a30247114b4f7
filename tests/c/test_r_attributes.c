#include "protocol/r_attributes.h"

#include "r_object_fixture.h"

/* An object of `type` with `n` elements that has attributes, which follow. */
static void vector(uint32_t type, int32_t n) {
  begin();
  integer((int32_t)(type | ATTR));
  integer(n);
  for (int32_t i = 0; i < n; i++) {
    if (type == P2P_R_LIST) null();
    if (type == P2P_R_STRINGS) string("s");
    if (type == P2P_R_INTEGERS || type == P2P_R_LOGICALS) integer(1);
    if (type == P2P_R_DOUBLES) real(1);
  }
}

static int end(void) {
  null();
  return check();
}

static void dim_of_six(int32_t n, const int32_t *dim) {
  vector(P2P_R_DOUBLES, 6);
  cell(0, "dim");
  integers(n, dim);
}

TEST(dimensions_are_integers_whose_product_is_the_length) {
  static const int32_t good[][3] = {{2, 3, 1}, {6, 1, 1}, {1, 1, 6}};
  static const int32_t bad[][3] = {{2, 2, 1}, {-2, -3, 1}, {INT32_MIN, 3, 2}, {65536, 65536, 65536},
                                   {6, 6, 6}, {0, 1, 6}};
  for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
    dim_of_six(3, good[i]);
    CHECK(end() == P2P_OK);
  }
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    dim_of_six(3, bad[i]);
    CHECK(end() == P2P_ERR_PARSE);
  }
  dim_of_six(0, NULL);
  CHECK(end() == P2P_ERR_PARSE);
  vector(P2P_R_DOUBLES, 6);
  cell(0, "dim"), one_string("6");
  CHECK(end() == P2P_ERR_PARSE);
  vector(P2P_R_DOUBLES, 6);
  cell(0, "dim"), integer(P2P_R_DOUBLES), integer(2), real(2), real(3);
  CHECK(end() == P2P_ERR_PARSE);
}

/* first, first + step, ... */
static void sequence(const char *class, double n, double first, double step) {
  integer(P2P_R_ALTREP);
  integer(P2P_R_PAIRS), symbol(class);
  integer(P2P_R_PAIRS), symbol("base");
  integer(P2P_R_PAIRS), number(P2P_R_INTEGERS);
  null();
  integer(P2P_R_DOUBLES), integer(3), real(n), real(first), real(step);
}

TEST(dimensions_may_be_a_compact_sequence_of_integers) {
  vector(P2P_R_DOUBLES, 6);
  cell(0, "dim"), sequence("compact_intseq", 2, 2, 1), null();
  CHECK(end() == P2P_OK);
  vector(P2P_R_DOUBLES, 6);
  cell(0, "dim"), sequence("compact_intseq", 3, 3, -1), null();
  CHECK(end() == P2P_OK);
  vector(P2P_R_DOUBLES, 6);
  cell(0, "dim"), sequence("compact_intseq", 2, 3, 1), null();
  CHECK(end() == P2P_ERR_PARSE);
  vector(P2P_R_DOUBLES, 6); /* of doubles, whatever type it gives */
  cell(0, "dim"), sequence("compact_realseq", 2, 2, 1), null();
  CHECK(end() == P2P_ERR_PARSE);
  begin(); /* dimensions of a compact sequence */
  sequence("compact_intseq", 6, 1, 1), cell(0, "dim"), integers(2, (int32_t[]){2, 3});
  CHECK(end() == P2P_OK);
  begin();
  sequence("compact_intseq", 6, 1, 1), cell(0, "dim"), integers(2, (int32_t[]){2, 4});
  CHECK(end() == P2P_ERR_PARSE);
}

static int dimnames(int32_t n, int32_t n_names, bool dim_first) {
  vector(P2P_R_DOUBLES, 6);
  if (dim_first) cell(0, "dim"), integers(2, (int32_t[]){2, 3});
  cell(0, "dimnames"), list_of(n);
  for (int32_t i = 1; i < n; i++) null();
  integer(P2P_R_STRINGS), integer(n_names);
  for (int32_t i = 0; i < n_names; i++) string("x");
  return end();
}

TEST(names_of_dimensions_fit_the_dimensions) {
  CHECK(dimnames(2, 3, true) == P2P_OK);
  CHECK(dimnames(2, 2, true) == P2P_ERR_PARSE);
  CHECK(dimnames(2, 4, true) == P2P_ERR_PARSE);
  CHECK(dimnames(1, 2, true) == P2P_ERR_PARSE);
  CHECK(dimnames(3, 3, true) == P2P_ERR_PARSE);
  CHECK(dimnames(2, 3, false) == P2P_ERR_PARSE);
  vector(P2P_R_DOUBLES, 6);
  cell(0, "dim"), integers(1, (int32_t[]){6});
  cell(0, "dimnames"), list_of(1), integers(6, (int32_t[]){1, 2, 3, 4, 5, 6});
  CHECK(end() == P2P_ERR_PARSE);
  vector(P2P_R_DOUBLES, 6);
  cell(0, "dim"), integers(1, (int32_t[]){6});
  cell(0, "dimnames"), one_string("x");
  CHECK(end() == P2P_ERR_PARSE);
}

TEST(names_are_as_many_strings_as_elements) {
  static const char *const texts[] = {"a", "b", "c"};
  for (int32_t n = 0; n < 4; n++) {
    vector(P2P_R_LIST, 2);
    cell(0, "names"), strings(n, texts);
    CHECK(end() == (n == 2 ? P2P_OK : P2P_ERR_PARSE));
  }
  vector(P2P_R_LIST, 2);
  cell(0, "names"), integers(2, (int32_t[]){1, 2});
  CHECK(end() == P2P_ERR_PARSE);
  begin(); /* of a function */
  integer(P2P_R_CLOSURE | TAG | ATTR), cell(0, "names"), one_string("a"), null();
  integer(P2P_R_GLOBAL_ENVIRONMENT), null(), null();
  CHECK(check() == P2P_ERR_PARSE);
  begin(); /* a slot of an S4 object */
  integer(P2P_R_S4 | ATTR), cell(0, "names"), list_of(0);
  CHECK(end() == P2P_OK);
}

TEST(a_class_is_strings) {
  vector(P2P_R_LIST, 0);
  cell(0, "class"), one_string("a");
  CHECK(end() == P2P_OK);
  vector(P2P_R_LIST, 0);
  cell(0, "class"), strings(0, NULL);
  CHECK(end() == P2P_ERR_PARSE);
  vector(P2P_R_LIST, 0);
  cell(0, "class"), number(1);
  CHECK(end() == P2P_ERR_PARSE);
  begin(); /* of an environment */
  environment_without_frame(), null(), null(), cell(0, "class"), list_of(0);
  CHECK(end() == P2P_ERR_PARSE);
}

static int factor(uint32_t type, int32_t code, uint32_t level_type) {
  begin();
  integer((int32_t)(type | ATTR)), integer(2);
  if (type == P2P_R_INTEGERS) integer(INT32_MIN), integer(code);
  if (type == P2P_R_DOUBLES) real(1), real(code);
  cell(0, "levels");
  if (level_type == P2P_R_STRINGS) strings(2, (const char *const[]){"a", "b"});
  if (level_type == P2P_R_INTEGERS) integers(2, (int32_t[]){1, 2});
  cell(0, "class"), strings(2, (const char *const[]){"ordered", "factor"});
  return end();
}

TEST(a_factor_has_integers_of_its_levels) {
  CHECK(factor(P2P_R_INTEGERS, 1, P2P_R_STRINGS) == P2P_OK);
  CHECK(factor(P2P_R_INTEGERS, 2, P2P_R_STRINGS) == P2P_OK);
  CHECK(factor(P2P_R_INTEGERS, 0, P2P_R_STRINGS) == P2P_ERR_PARSE);
  CHECK(factor(P2P_R_INTEGERS, -1, P2P_R_STRINGS) == P2P_ERR_PARSE);
  CHECK(factor(P2P_R_INTEGERS, 3, P2P_R_STRINGS) == P2P_ERR_PARSE);
  CHECK(factor(P2P_R_INTEGERS, INT32_MAX, P2P_R_STRINGS) == P2P_ERR_PARSE);
  CHECK(factor(P2P_R_INTEGERS, 1, P2P_R_INTEGERS) == P2P_ERR_PARSE);
  CHECK(factor(P2P_R_DOUBLES, 1, P2P_R_STRINGS) == P2P_ERR_PARSE);
  begin(); /* a compact sequence */
  sequence("compact_intseq", 3, 1, 1);
  cell(0, "levels"), strings(2, (const char *const[]){"a", "b"}), cell(0, "class"),
      one_string("factor");
  CHECK(end() == P2P_ERR_PARSE);
}

/* R takes the first one. */
TEST(attributes_that_are_checked_occur_once) {
  static const char *const names[] = {"class", "dim", "levels", "names", "row.names", "tsp"};
  static const int32_t three = 3, times[] = {1, 3, 1};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    for (int n = 1; n <= 2; n++) {
      vector(P2P_R_INTEGERS, 3);
      for (int k = 0; k < n; k++) {
        cell(0, names[i]);
        if (strcmp(names[i], "dim") == 0)
          integers(1, &three);
        else if (strcmp(names[i], "tsp") == 0)
          integers(3, times);
        else
          strings(3, (const char *const[]){"a", "b", "c"});
      }
      CHECK(end() == (n == 1 ? P2P_OK : P2P_ERR_PARSE));
    }
  }
}

TEST(a_factor_of_several_chunks_is_read_to_its_end) {
  for (int32_t last = 1; last <= 2; last++) {
    begin();
    integer(P2P_R_INTEGERS | ATTR), integer(100000);
    for (int32_t i = 1; i < 100000; i++) integer(1);
    integer(last);
    cell(0, "levels"), one_string("a"), cell(0, "class"), one_string("factor");
    CHECK(end() == (last == 1 ? P2P_OK : P2P_ERR_PARSE));
  }
}

TEST(names_of_rows_are_strings_or_integers_and_count_as_memory) {
  vector(P2P_R_LIST, 0);
  cell(0, "row.names"), one_string("a");
  CHECK(end() == P2P_OK);
  vector(P2P_R_LIST, 0);
  cell(0, "row.names"), integers(2, (int32_t[]){INT32_MIN, -1000});
  CHECK(end() == P2P_OK);
  vector(P2P_R_LIST, 0);
  cell(0, "row.names"), integers(2, (int32_t[]){INT32_MIN, INT32_MIN});
  CHECK(end() == P2P_ERR_TOO_LARGE);
  vector(P2P_R_LIST, 0);
  cell(0, "row.names"), list_of(1), null();
  CHECK(end() == P2P_ERR_PARSE);
}

TEST(the_times_of_a_series_are_three_numbers) {
  for (int32_t n = 2; n <= 4; n++) {
    vector(P2P_R_DOUBLES, 2);
    cell(0, "tsp"), integer(P2P_R_DOUBLES), integer(n);
    for (int32_t i = 0; i < n; i++) real(1);
    CHECK(end() == (n == 3 ? P2P_OK : P2P_ERR_PARSE));
  }
  vector(P2P_R_DOUBLES, 2);
  cell(0, "tsp"), strings(3, (const char *const[]){"1", "2", "1"});
  CHECK(end() == P2P_ERR_PARSE);
}

TEST(each_attribute_has_a_name_and_a_value_that_is_no_promise) {
  vector(P2P_R_LIST, 0); /* without a name */
  integer(P2P_R_PAIRS), number(1);
  CHECK(end() == P2P_ERR_PARSE);
  vector(P2P_R_LIST, 0); /* named NULL */
  integer(P2P_R_PAIRS | TAG), null(), number(1);
  CHECK(end() == P2P_ERR_PARSE);
  vector(P2P_R_LIST, 0); /* computed when it is read */
  cell(ACTIVE, "a"), number(1);
  CHECK(end() == P2P_ERR_PARSE);
  vector(P2P_R_LIST, 0);
  cell(0, "a"), integer(P2P_R_PROMISE), null(), null();
  CHECK(end() == P2P_ERR_PARSE);
}

/* list() with an attribute that is list() with an attribute, and so on */
TEST(nesting_in_attributes_is_bounded) {
  for (int depth = 2000; depth <= 200000; depth += 198000) {
    vector(P2P_R_LIST, 0);
    for (int i = 0; i < depth; i++) cell(0, "a"), integer(P2P_R_LIST | ATTR), integer(0);
    null();
    for (int i = 0; i < depth; i++) null();
    CHECK(check() == (depth == 2000 ? P2P_OK : P2P_ERR_TOO_LARGE));
  }
}

UNIT_MAIN("r_attributes", UNIT(dimensions_are_integers_whose_product_is_the_length),
          UNIT(dimensions_may_be_a_compact_sequence_of_integers),
          UNIT(names_of_dimensions_fit_the_dimensions), UNIT(names_are_as_many_strings_as_elements),
          UNIT(a_class_is_strings), UNIT(a_factor_has_integers_of_its_levels),
          UNIT(attributes_that_are_checked_occur_once),
          UNIT(a_factor_of_several_chunks_is_read_to_its_end),
          UNIT(names_of_rows_are_strings_or_integers_and_count_as_memory),
          UNIT(the_times_of_a_series_are_three_numbers),
          UNIT(each_attribute_has_a_name_and_a_value_that_is_no_promise),
          UNIT(nesting_in_attributes_is_bounded))
