/* SSH arguments in one text. */
#include "shell/words.h"

#include "base/strings.h"
#include "unit.h"

static void check(const char *text, const char *const *expected) {
  char **words = p2p_words_split(text);
  size_t i = 0;
  CHECK(words != NULL);
  for (; words != NULL && words[i] != NULL && expected[i] != NULL; i++)
    CHECK_STR(words[i], expected[i]);
  CHECK(words != NULL && words[i] == NULL && expected[i] == NULL);
  p2p_strings_free(words);
}

#define CHECK_WORDS(text, ...) check(text, (const char *const[]){__VA_ARGS__ NULL})

TEST(words_are_split_at_blanks_outside_of_quotes) {
  CHECK_WORDS("", );
  CHECK_WORDS(" \t\n", );
  CHECK_WORDS("-i key", "-i", "key", );
  CHECK_WORDS("  -p  22  ", "-p", "22", );
  CHECK_WORDS("-i '/a folder/my key' -o \"User=it's\"", "-i", "/a folder/my key", "-o",
              "User=it's", );
  CHECK_WORDS("-o User='a b'c", "-o", "User=a bc", );
  CHECK_WORDS("a '' b", "a", "b", );
  CHECK_WORDS("'unclosed word", "unclosed word", );
  CHECK_WORDS("a", "a", );
}

TEST(a_quote_without_an_end_is_seen) {
  CHECK(p2p_words_are_closed("") && p2p_words_are_closed("-o \"User=it's\" 'a b'"));
  CHECK(!p2p_words_are_closed("'unclosed") && !p2p_words_are_closed("a \"b' c"));
}

UNIT_MAIN("words", UNIT(a_quote_without_an_end_is_seen),
          UNIT(words_are_split_at_blanks_outside_of_quotes))
