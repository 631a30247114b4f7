/* What a linked worker has: asked once, and answers that are whole, cut, oversized, of something
 * else, late, or never there. */
#include "client/inventory.h"

#include "unit.h"

static struct p2p_inventory inventory;
static struct p2p_buf question;
static const char *breach;

static void begin(void) {
  inventory = (struct p2p_inventory){0};
  p2p_buf_init(&question, P2P_INVENTORY_ASK_BYTES);
}

static void end(void) {
  p2p_inventory_clear(&inventory);
  p2p_buf_clear(&question);
}

/* The next question as text. */
static const char *ask(uint64_t now_ms) {
  static char text[P2P_INVENTORY_ASK_BYTES + 1];
  p2p_buf_clear(&question);
  CHECK(p2p_inventory_ask(&inventory, now_ms, &question) == P2P_OK);
  size_t length = p2p_buf_len(&question);
  if (length > 0) memcpy(text, p2p_buf_data(&question), length);
  text[length] = '\0';
  return text;
}

static int answer(const char *text) {
  return p2p_inventory_take(&inventory, text, strlen(text), &breach);
}

static enum p2p_inventory_word look(const char *packages) {
  return p2p_inventory_look_up(&inventory, packages, 0);
}

TEST(a_package_is_asked_for_once) {
  begin();
  CHECK(look("") == P2P_INVENTORY_HAS);
  CHECK_STR(ask(0), "");
  CHECK(look("mgcv;data.table") == P2P_INVENTORY_UNTOLD &&
        look("data.table;R6") == P2P_INVENTORY_UNTOLD);
  CHECK_STR(ask(0), "mgcv;data.table;R6");
  CHECK_STR(ask(0), ""); /* one question at a time */
  CHECK(look("zoo") == P2P_INVENTORY_UNTOLD);
  CHECK(answer("mgcv=1.8-41;data.table=;R6=2.5.1") == P2P_OK);
  CHECK(look("mgcv") == P2P_INVENTORY_HAS && look("R6;mgcv") == P2P_INVENTORY_HAS);
  CHECK(look("data.table") == P2P_INVENTORY_LACKS && look("R6;data.table") == P2P_INVENTORY_LACKS);
  CHECK(look("zoo;data.table") == P2P_INVENTORY_LACKS && look("R6;zoo") == P2P_INVENTORY_UNTOLD);
  CHECK_STR(ask(0), "zoo");
  CHECK(answer("zoo=1") == P2P_OK && look("R6;zoo") == P2P_INVENTORY_HAS);
  CHECK_STR(ask(0), "");
  char lacks[64];
  p2p_inventory_lacks(&inventory, "R6;data.table", lacks, sizeof lacks);
  CHECK_STR(lacks, "'data.table'");
  end();
}

TEST(what_was_absent_is_asked_for_again_once_it_is_forgotten) {
  begin();
  CHECK(look("a;b;c;d") == P2P_INVENTORY_UNTOLD);
  CHECK_STR(ask(0), "a;b;c;d");
  p2p_inventory_forget_absent(&inventory); /* nothing is known to be: the open question stays */
  CHECK(answer("a=;b=1;c=;d=2") == P2P_OK);
  CHECK(look("e") == P2P_INVENTORY_UNTOLD);
  CHECK_STR(ask(0), "e");
  p2p_inventory_forget_absent(&inventory);
  CHECK(look("b;d") == P2P_INVENTORY_HAS && look("a;b") == P2P_INVENTORY_UNTOLD);
  CHECK(answer("e=3") == P2P_OK);
  CHECK_STR(ask(0), "a");
  CHECK(answer("a=1") == P2P_OK && look("a;b;d;e") == P2P_INVENTORY_HAS);
  end();
}

TEST(a_broken_answer_changes_nothing) {
  static const char *const answers[] = {
      "",
      "a",
      "a=",
      "a=1",
      "a=1;",
      "a=1;b",
      "b=;a=1",
      "a=1;b=;",
      "a=1;b=;c=",
      "a=1;a=1",
      ";a=1;b=",
      "a=1;;b=",
      "a=1;b=2;;",
      "a=1 ;b=",
      "a=1\n;b=",
      "a=\xc3\xa4;b=",
      "aa=1;b=",
      "A=1;b=",
      "a =1;b=",
      "a=1=2;b=",
      "a=1;c=",
      "a=;b=1;",
      "a=11111111111111111111111111111111111111111111111111111111111111111;b=",
  };
  begin();
  CHECK(look("a;b") == P2P_INVENTORY_UNTOLD);
  CHECK_STR(ask(0), "a;b");
  for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
    CHECK(answer(answers[i]) == P2P_ERR_PROTOCOL && breach != NULL && inventory.is_open);
    CHECK(look("a") == P2P_INVENTORY_UNTOLD && look("b") == P2P_INVENTORY_UNTOLD);
  }
  CHECK(p2p_inventory_take(&inventory, "a=1\0;b=", 7, &breach) == P2P_ERR_PROTOCOL);
  static const char whole[] = "a=1.0-2;b=0_x";
  for (size_t length = 0; length < sizeof whole - 3; length++) { /* "a=1.0-2;b=" is whole as well */
    if (length == 10) continue;
    CHECK(p2p_inventory_take(&inventory, whole, length, &breach) == P2P_ERR_PROTOCOL);
  }
  CHECK(answer(whole) == P2P_OK && look("a;b") == P2P_INVENTORY_HAS);
  end();
}

TEST(an_answer_that_was_not_asked_for_is_a_breach) {
  begin();
  CHECK(answer("a=1") == P2P_ERR_PROTOCOL && answer("") == P2P_ERR_PROTOCOL);
  CHECK_STR(breach, "an answer about packages that was not asked for");
  CHECK(look("a") == P2P_INVENTORY_UNTOLD &&
        answer("a=1") == P2P_ERR_PROTOCOL); /* wanted, not asked */
  CHECK_STR(ask(0), "a");
  CHECK(answer("a=1") == P2P_OK && answer("a=1") == P2P_ERR_PROTOCOL);
  end();
}

TEST(no_answer_in_time_is_a_no_until_it_comes) {
  begin();
  CHECK(p2p_inventory_due_ms(&inventory, 0) == UINT64_MAX);
  CHECK(look("a") == P2P_INVENTORY_UNTOLD);
  CHECK_STR(ask(1000), "a");
  uint64_t due_ms = 1000 + P2P_INVENTORY_PATIENCE_MS;
  CHECK(p2p_inventory_due_ms(&inventory, 1000) == due_ms);
  CHECK(p2p_inventory_look_up(&inventory, "a", due_ms - 1) == P2P_INVENTORY_UNTOLD);
  CHECK(p2p_inventory_look_up(&inventory, "a", due_ms) == P2P_INVENTORY_LACKS);
  CHECK(p2p_inventory_look_up(&inventory, "b", due_ms) ==
        P2P_INVENTORY_LACKS); /* it would not answer that either */
  CHECK(p2p_inventory_due_ms(&inventory, due_ms) == UINT64_MAX);
  CHECK_STR(ask(due_ms), "");
  char lacks[64];
  p2p_inventory_lacks(&inventory, "a", lacks, sizeof lacks);
  CHECK_STR(lacks, "");
  CHECK(answer("a=1") == P2P_OK &&
        p2p_inventory_look_up(&inventory, "a", due_ms) == P2P_INVENTORY_HAS);
  CHECK_STR(ask(due_ms), "b");
  end();
}

TEST(questions_and_what_is_kept_of_answers_are_bounded) {
  char name[P2P_INVENTORY_NAME_MAX];
  static char reply[P2P_INVENTORY_ASK_MAX * 16];
  begin();
  for (int i = 0; i < P2P_INVENTORY_MAX + 10; i++) {
    snprintf(name, sizeof name, "p%d", i);
    CHECK(look(name) == P2P_INVENTORY_UNTOLD);
  }
  CHECK(inventory.length == P2P_INVENTORY_MAX);
  for (int from = 0; from < P2P_INVENTORY_MAX;) {
    const char *list = ask(0);
    int count = 0;
    reply[0] = '\0';
    for (size_t at = 0; p2p_inventory_next_name(&list, name); count++) {
      at += (size_t)snprintf(reply + at, sizeof reply - at, "%s%s=%s", count > 0 ? ";" : "", name,
                             count % 2 == 0 ? "1" : "");
    }
    CHECK(count > 0 && count <= P2P_INVENTORY_ASK_MAX);
    CHECK(answer(reply) == P2P_OK);
    from += count;
    if (count <= 0) break;
  }
  CHECK(look("p0") == P2P_INVENTORY_HAS && look("p1") == P2P_INVENTORY_LACKS);
  CHECK(look("q") == P2P_INVENTORY_UNTOLD && inventory.length == P2P_INVENTORY_MAX);
  CHECK_STR(ask(0), "q");
  CHECK(look("p1") == P2P_INVENTORY_LACKS &&
        look("p0") == P2P_INVENTORY_UNTOLD); /* the oldest was forgotten */
  end();
}

TEST(a_question_is_bounded_in_bytes) {
  char name[P2P_INVENTORY_NAME_MAX];
  begin();
  for (int i = 0; i < 200; i++) {
    snprintf(name, sizeof name, "p%0127d", i);
    CHECK(look(name) == P2P_INVENTORY_UNTOLD);
  }
  size_t length = strlen(ask(0));
  CHECK(length <= P2P_INVENTORY_ASK_BYTES && length > P2P_INVENTORY_ASK_BYTES - 130);
  end();
}

TEST(what_is_lacking_is_told_in_few_words) {
  char lacks[64], little[8];
  begin();
  CHECK(look("a;b;c;d;e;f") == P2P_INVENTORY_UNTOLD);
  CHECK_STR(ask(0), "a;b;c;d;e;f");
  CHECK(answer("a=;b=1;c=;d=;e=;f=") == P2P_OK);
  p2p_inventory_lacks(&inventory, "b", lacks, sizeof lacks);
  CHECK_STR(lacks, "");
  p2p_inventory_lacks(&inventory, "a;b;c;d;e;f", lacks, sizeof lacks);
  CHECK_STR(lacks, "'a', 'c', 'd' and 2 more");
  p2p_inventory_lacks(&inventory, "a;b;c;d;e;f", little, sizeof little);
  CHECK_STR(little, "'a', 'c");
  end();
}

UNIT_MAIN("inventory", UNIT(a_package_is_asked_for_once),
          UNIT(what_was_absent_is_asked_for_again_once_it_is_forgotten),
          UNIT(a_broken_answer_changes_nothing), UNIT(an_answer_that_was_not_asked_for_is_a_breach),
          UNIT(no_answer_in_time_is_a_no_until_it_comes),
          UNIT(questions_and_what_is_kept_of_answers_are_bounded),
          UNIT(a_question_is_bounded_in_bytes), UNIT(what_is_lacking_is_told_in_few_words))
