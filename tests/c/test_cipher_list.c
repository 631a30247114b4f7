/* The list of ciphers in HELLO, and the choice of one. */
#include "protocol/cipher_list.h"

#include "unit.h"

#define AES P2P_CIPHER_AES_256_GCM
#define CHACHA P2P_CIPHER_CHACHA20_POLY1305

static struct p2p_cipher_list list_of(const char *text) {
  struct p2p_cipher_list list = {.count = 99};
  CHECK(p2p_cipher_list_read(text, &list));
  return list;
}

TEST(a_list_is_read_and_written) {
  static const char *const texts[] = {"aes256gcm", "chacha20poly1305", "aes256gcm;chacha20poly1305",
                                      "chacha20poly1305;aes256gcm"};
  char out[P2P_CIPHER_LIST_MAX];
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    struct p2p_cipher_list list = list_of(texts[i]);
    CHECK(list.count == (i < 2 ? 1u : 2u));
    p2p_cipher_list_write(&list, out);
    CHECK_STR(out, texts[i]);
  }
  p2p_cipher_list_write(&(struct p2p_cipher_list){.count = 0}, out);
  CHECK_STR(out, "");
}

TEST(unknown_and_repeated_names_are_passed_over) {
  struct p2p_cipher_list list =
      list_of("new1;aes256gcm;aes256;aes256gcmx;aes256gcm;chacha20poly1305");
  CHECK(list.count == 2 && list.kinds[0] == AES && list.kinds[1] == CHACHA);
  CHECK(list_of("new1").count == 0);
}

TEST(what_is_no_list_is_refused) {
  static const char *const texts[] = {"",
                                      ";",
                                      "aes256gcm;",
                                      ";aes256gcm",
                                      "aes256gcm;;a",
                                      "AES",
                                      "aes-256-gcm",
                                      "a b",
                                      "a,b",
                                      "a\n",
                                      "12345678901234567890123456789012"};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    struct p2p_cipher_list list = {.count = 99};
    CHECK(!p2p_cipher_list_read(texts[i], &list) && list.count == 99);
  }
}

TEST(the_order_of_the_worker_counts) {
  static const struct {
    const char *worker, *client;
    enum p2p_cipher_kind chosen;
  } cases[] = {{"aes256gcm;chacha20poly1305", "chacha20poly1305;aes256gcm", AES},
               {"chacha20poly1305;aes256gcm", "aes256gcm;chacha20poly1305", CHACHA},
               {"aes256gcm;chacha20poly1305", "chacha20poly1305", CHACHA},
               {"chacha20poly1305", "aes256gcm;chacha20poly1305", CHACHA},
               {"aes256gcm", "chacha20poly1305", P2P_CIPHER_NONE},
               {"aes256gcm", "new1", P2P_CIPHER_NONE}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    struct p2p_cipher_list worker = list_of(cases[i].worker), client = list_of(cases[i].client);
    CHECK(p2p_cipher_list_choose(&worker, &client) == cases[i].chosen);
  }
}

UNIT_MAIN("cipher_list", UNIT(a_list_is_read_and_written),
          UNIT(unknown_and_repeated_names_are_passed_over), UNIT(what_is_no_list_is_refused),
          UNIT(the_order_of_the_worker_counts))
