/* base/sanitize: text from others is shown without control characters, and cut between characters.
 */
#include "base/sanitize.h"

#include <stdlib.h>

#include "unit.h"

static const char *sanitized(const char *text, size_t length, size_t size) {
  static char out[64];
  memset(out, 'x', sizeof out);
  p2p_sanitize(text, length, out, size);
  return out;
}

#define SANITIZED(text) sanitized(text, sizeof text - 1, 64)

TEST(printable_text_stays_as_it_is) {
  CHECK_STR(SANITIZED(""), "");
  CHECK_STR(SANITIZED("plain ASCII ~ \\ '"), "plain ASCII ~ \\ '");
  CHECK_STR(SANITIZED("Gr\u00fc\u00dfe \u4f60\u597d \U0001f600"),
            "Gr\u00fc\u00dfe \u4f60\u597d \U0001f600");
}

TEST(control_characters_are_replaced) {
  CHECK_STR(SANITIZED("a\033[2J\n\r\t\0\x7f"), "a?[2J?????");
  CHECK_STR(SANITIZED("\xc2\x9b"
                      "31m\xc2\x85"),
            "?31m?"); /* CSI and NEL of C1 */
}

TEST(invisible_and_direction_changing_characters_are_replaced) {
  CHECK_STR(SANITIZED("a\u200bb\u202ec\u2066d\u2028e\ufefff\U000e0041g"), "a?b?c?d?e?f?g");
  CHECK_STR(SANITIZED("\u200a\u2010\u2027\u202f\u205f\u2070"),
            "\u200a\u2010\u2027\u202f\u205f\u2070");
}

TEST(malformed_utf8_is_replaced_byte_by_byte) {
  CHECK_STR(SANITIZED("\x80|\xff|\xc3|"), "?|?|?|");
  CHECK_STR(SANITIZED("\xc0\xaf|\xe0\x80\xaf|\xf0\x80\x80\xaf"), "??|???|????"); /* overlong */
  CHECK_STR(SANITIZED("\xed\xa0\x80|\xf4\x90\x80\x80"), "???|????"); /* surrogate; > U+10FFFF */
  CHECK_STR(SANITIZED("\xe2\x82"), "??");                            /* ends too early */
}

TEST(text_is_cut_between_characters) {
  const char *euros = "\u20ac\u20ac\u20ac";
  CHECK_STR(sanitized(euros, 9, 10), euros);
  CHECK_STR(sanitized(euros, 9, 9), "\u20ac\u20ac");
  CHECK_STR(sanitized(euros, 9, 7), "\u20ac\u20ac");
  CHECK_STR(sanitized(euros, 9, 3), "");
  CHECK_STR(sanitized("abc", 3, 3), "ab");
  CHECK_STR(sanitized("abc", 3, 1), "");
  CHECK_STR(sanitized("abc", 2, 64), "ab");
}

TEST(text_can_be_sanitized_in_place) {
  char text[] = "a\033b\u200bc\u00fc\xff";
  p2p_sanitize(text, strlen(text), text, sizeof text);
  CHECK_STR(text, "a?b?c\u00fc?");
}

TEST(words_have_letters_digits_and_three_marks) {
  char out[16];
  p2p_sanitize_word("a-B_9.z", out, sizeof out);
  CHECK_STR(out, "a-B_9.z");
  p2p_sanitize_word("a b\n/\u00fc", out, sizeof out);
  CHECK_STR(out, "a_b____");
  p2p_sanitize_word("0123456789abcdef", out, sizeof out);
  CHECK_STR(out, "0123456789abcde");
}

TEST(visible_ascii_has_no_spaces) {
  CHECK(p2p_is_visible_ascii("", 0));
  CHECK(p2p_is_visible_ascii("!~az", 4));
  CHECK(!p2p_is_visible_ascii("a b", 3));
  CHECK(!p2p_is_visible_ascii("a\0", 2));
  CHECK(!p2p_is_visible_ascii("\u00fc", 2));
  CHECK(!p2p_is_visible_ascii("\x7f", 1));
}

UNIT_MAIN("sanitize", UNIT(printable_text_stays_as_it_is), UNIT(control_characters_are_replaced),
          UNIT(invisible_and_direction_changing_characters_are_replaced),
          UNIT(malformed_utf8_is_replaced_byte_by_byte), UNIT(text_is_cut_between_characters),
          UNIT(text_can_be_sanitized_in_place), UNIT(words_have_letters_digits_and_three_marks),
          UNIT(visible_ascii_has_no_spaces))
