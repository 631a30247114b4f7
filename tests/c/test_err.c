/* base/err: a code and a sentence that fits. */
#include "base/err.h"

#include "unit.h"

#include <errno.h>

TEST(a_code_and_a_sentence) {
  struct p2p_err err;
  CHECK(p2p_err_set(&err, P2P_ERR_NETWORK, "cannot connect to %s:%d", "here", 22) ==
        P2P_ERR_NETWORK);
  CHECK(err.code == P2P_ERR_NETWORK);
  CHECK_STR(err.message, "cannot connect to here:22");
  CHECK(p2p_err_prefix(&err, "cluster '%s'", "a/b") == P2P_ERR_NETWORK);
  CHECK_STR(err.message, "cluster 'a/b': cannot connect to here:22");
  CHECK(p2p_err_set(NULL, P2P_ERR_PARSE, "nobody listens") == P2P_ERR_PARSE);
}

TEST(its_own_message_may_be_an_argument) {
  struct p2p_err err;
  p2p_err_set(&err, P2P_ERR_LOST, "gone");
  p2p_err_set(&err, P2P_ERR_LOST, "worker: %s", err.message);
  CHECK_STR(err.message, "worker: gone");
}

TEST(long_sentences_are_cut_between_characters) {
  struct p2p_err err;
  for (size_t lead = 0; lead < 4; lead++) {
    char text[2 * P2P_ERR_MESSAGE_MAX + 8] = "";
    memset(text, 'x', lead);
    while (strlen(text) < 2 * P2P_ERR_MESSAGE_MAX)
      strcat(text, "\xE2\x82\xAC"); /* a three-byte letter */
    p2p_err_set(&err, P2P_ERR_PARSE, "%s", text);
    size_t length = strlen(err.message);
    CHECK(length < P2P_ERR_MESSAGE_MAX && length > P2P_ERR_MESSAGE_MAX - 8);
    CHECK((length - lead) % 3 == 0);
    CHECK(p2p_err_prefix(&err, "more") == P2P_ERR_PARSE);
    CHECK(strlen(err.message) < P2P_ERR_MESSAGE_MAX);
  }
}

TEST(a_reason_is_added_kept_by_a_prefix_and_reset) {
  struct p2p_err err;
  CHECK(p2p_err_because(&err, "not_hosted", p2p_err_set(&err, P2P_ERR_ACCESS, "not hosted")) ==
        P2P_ERR_ACCESS);
  CHECK_STR(err.reason, "not_hosted");
  CHECK(p2p_err_prefix(&err, "cluster") == P2P_ERR_ACCESS);
  CHECK_STR(err.reason, "not_hosted");
  CHECK_STR(err.message, "cluster: not hosted");
  p2p_err_set(&err, P2P_ERR_NETWORK, "another error");
  CHECK(err.reason == NULL);
  CHECK(p2p_err_because(NULL, "ignored", P2P_ERR_PARSE) == P2P_ERR_PARSE);
}

TEST(every_code_has_a_name) {
  CHECK_STR(p2p_err_name(P2P_ERR_NETWORK), "network");
  CHECK_STR(p2p_err_name(P2P_ERR_HOST_KEY), "host_key");
  for (int code = P2P_ERR_SYSTEM; code <= P2P_OK; code++)
    CHECK(strcmp(p2p_err_name(code), "unknown") != 0);
  CHECK_STR(p2p_err_name(P2P_ERR_SYSTEM - 1), "unknown");
  CHECK_STR(p2p_err_name(7), "unknown");
}

TEST(limits_of_the_system_are_reasons) {
  struct p2p_err err;
  CHECK(p2p_err_of_limit(&err, EMFILE, p2p_err_set(&err, P2P_ERR_SYSTEM, "x")) == P2P_ERR_SYSTEM);
  CHECK_STR(err.reason, "too_many_files");
  (void)p2p_err_of_limit(&err, EAGAIN, p2p_err_set(&err, P2P_ERR_SYSTEM, "x"));
  CHECK_STR(err.reason, "too_many_processes");
  (void)p2p_err_of_limit(&err, ENOENT, p2p_err_set(&err, P2P_ERR_SYSTEM, "x"));
  CHECK(err.reason == NULL);
  CHECK(p2p_err_of_limit(NULL, EMFILE, P2P_ERR_SYSTEM) == P2P_ERR_SYSTEM);
  (void)p2p_err_of_file_limit(&err, ENFILE, p2p_err_set(&err, P2P_ERR_SYSTEM, "x"));
  CHECK_STR(err.reason, "too_many_files");
  (void)p2p_err_of_file_limit(&err, EAGAIN, p2p_err_set(&err, P2P_ERR_SYSTEM, "x"));
  CHECK(err.reason == NULL);
}

UNIT_MAIN("err", UNIT(limits_of_the_system_are_reasons), UNIT(a_code_and_a_sentence),
          UNIT(its_own_message_may_be_an_argument), UNIT(long_sentences_are_cut_between_characters),
          UNIT(a_reason_is_added_kept_by_a_prefix_and_reset), UNIT(every_code_has_a_name))
