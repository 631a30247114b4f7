/* The output of `services` and `user`. */
#include "board/services.h"

#include <stdlib.h>

#include "board/unknown_users.h"
#include "board/whoami.h"
#include "protocol/public_services.h"
#include "unit.h"

static struct p2p_services services;

static void parse(const char *text, const char *host) {
  p2p_services_parse(text, strlen(text), host, &services);
}

TEST(a_board_names_its_mailbox_and_relay) {
  parse("mailbox=ws://*:4000/v1\nrelay=tcp:*:4001\n", "lab.example.org");
  CHECK_STR(services.mailbox, "ws://lab.example.org:4000/v1");
  CHECK_STR(services.relay, "tcp:lab.example.org:4001");
  parse("relay=tcp:*:4001\r\nfuture=thing\r\nmailbox=ws://*:4000/v1", "::1");
  CHECK_STR(services.mailbox, "ws://[::1]:4000/v1");
  CHECK_STR(services.relay, "tcp:[::1]:4001");
  parse("mailbox=ws://other.example.org:80/v1\n", "lab");
  CHECK_STR(services.mailbox, "ws://other.example.org:80/v1");
  CHECK_STR(services.relay, P2P_PUBLIC_RELAY);
}

TEST(the_host_key_is_that_of_the_first_line_of_this_form) {
  char key[P2P_HOST_KEY_TEXT_MAX];
  static const char text[] = "mailbox=ws://*:1/v1\nhost_key=ssh-ed25519 AAAA+/=\nhost_key=x y\n";
  p2p_services_host_key(text, strlen(text), key);
  CHECK_STR(key, "ssh-ed25519 AAAA+/=");
  for (size_t length = 0; length < strlen("mailbox=ws://*:1/v1\nhost_key=ssh-ed25519 "); length++) {
    p2p_services_host_key(text, length, key);
    CHECK_STR(key, "");
  }
  static const char *const bad[] = {"host_key=AAAA",
                                    "host_key= AAAA",
                                    "host_key=a b c",
                                    "host_key=a \"b",
                                    "host_key=a b\r",
                                    "x_host_key=a b",
                                    ""};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    p2p_services_host_key(bad[i], strlen(bad[i]), key);
    CHECK_STR(key, "");
  }
  size_t size = P2P_HOST_KEY_TEXT_MAX + 100;
  char *large = malloc(size);
  memset(large, 'A', size);
  memcpy(large, "host_key=a ", 11);
  p2p_services_host_key(large, size, key);
  CHECK_STR(key, "");
  p2p_services_host_key(large, P2P_HOST_KEY_TEXT_MAX - 1 + 9, key);
  CHECK(strlen(key) == P2P_HOST_KEY_TEXT_MAX - 1);
  free(large);
}

TEST(any_other_output_means_the_public_services) {
  const char *bad[] = {"",
                       "\n",
                       "help\r\n  pipe TOPIC\r\n",
                       "mailbox=\nrelay=\n",
                       "mailbox=ws://\nrelay=tcp:\n",
                       "mailbox=http://*:4000/v1\nrelay=udp:*:1\n",
                       " mailbox=ws://*:1/\n relay=tcp:*:1\n",
                       "mailbox=ws://* :4000\nrelay=tcp:\x01*:1\n",
                       "mailbox=ws://*:1/v1;id\nrelay=tcp:*:1|sh\n",
                       "mailbox=ws://*:1/$(id)\nrelay=tcp:*:`id`\n",
                       "mailbox"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    parse(bad[i], "lab");
    CHECK_STR(services.mailbox, P2P_PUBLIC_MAILBOX);
    CHECK_STR(services.relay, P2P_PUBLIC_RELAY);
  }
  char text[600] = "mailbox=ws://";
  memset(text + strlen(text), 'a', 500);
  parse(text, "lab");
  CHECK_STR(services.mailbox, P2P_PUBLIC_MAILBOX);
}

static int user_of(const char *text, char user[static P2P_USER_MAX], struct p2p_err *err) {
  return p2p_whoami_parse(text, strlen(text), "pico.sh", user, err);
}

TEST(another_user_than_before_is_an_error) {
  struct p2p_err err;
  CHECK(p2p_whoami_check("", "bob", "pico.sh", &err) == P2P_OK);
  CHECK(p2p_whoami_check("bob", "bob", "pico.sh", &err) == P2P_OK);
  CHECK(p2p_whoami_check("bob", "bo", "pico.sh", &err) == P2P_ERR_ACCESS);
  CHECK_STR(err.reason, "renamed");
}

TEST(the_user_is_the_first_line) {
  char user[P2P_USER_MAX];
  struct p2p_err err;
  CHECK(user_of("alice\n2f1c-id\n2024-01-01\n", user, &err) == P2P_OK);
  CHECK_STR(user, "alice");
  CHECK(user_of("bob\r\nid\r\n", user, &err) == P2P_OK);
  CHECK_STR(user, "bob");
  CHECK(user_of("carol", user, &err) == P2P_OK);
  const char *bad[] = {
      "",
      "\nalice\n",
      "two words\n",
      "a/b\n",
      "-x\n",
      "\x1b[2J\n",
      "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    CHECK(user_of(bad[i], user, &err) == P2P_ERR_AUTH);
    CHECK_STR(user, "carol");
  }
}

TEST(the_user_public_has_no_account) {
  char user[P2P_USER_MAX] = "untouched";
  struct p2p_err err;
  CHECK(user_of("public\nid\n2024\n", user, &err) == P2P_ERR_AUTH);
  CHECK(strstr(err.message, "no account on 'pico.sh'") != NULL);
  CHECK_STR(err.reason, "no_pico_account");
  CHECK_STR(user, "untouched");
}

static char unknown[32];

static int parse_unknown(const char *text, size_t length) {
  return p2p_unknown_users_parse(text, length, "bob,diana,eve", unknown, sizeof unknown);
}

TEST(unknown_users_are_among_those_who_were_asked_about) {
  static const char *const bad[] = {"",
                                    "\n",
                                    "unknown",
                                    "help\r\n  pipe TOPIC\r\n",
                                    "unknown=carol\n",
                                    "unknown=diana,\n",
                                    "unknown=,diana\n",
                                    "unknown=diana,,eve\n",
                                    "unknown=dian\n",
                                    "unknown=dianaa\n",
                                    "unknown=diana\n\n",
                                    "unknown=diana\nunknown=eve\n",
                                    " unknown=diana\n",
                                    "unknown=diana eve\n",
                                    "unknown=bob,diana\x1b"};
  CHECK(parse_unknown("unknown=diana\n", 14) == P2P_OK);
  CHECK_STR(unknown, "diana");
  CHECK(parse_unknown("unknown=eve,bob\r\n", 17) == P2P_OK);
  CHECK_STR(unknown, "eve,bob");
  CHECK(parse_unknown("unknown=\n", 9) == P2P_OK);
  CHECK_STR(unknown, "");
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    CHECK(parse_unknown(bad[i], strlen(bad[i])) == P2P_ERR_PARSE);
    CHECK_STR(unknown, "");
  }
  const char *text = "unknown=bob,diana";
  for (size_t length = 0; length <= strlen(text); length++)
    CHECK(parse_unknown(text, length) ==
          (length == 8 || length == 11 || length == 17 ? P2P_OK : P2P_ERR_PARSE));
  text = "unknown=diana,diana,diana,diana,diana,diana"; /* longer than what was asked */
  CHECK(parse_unknown(text, strlen(text)) == P2P_ERR_TOO_LARGE);
}

TEST(the_address_of_the_client_is_one_of_ipv4_or_ipv6) {
  static const struct {
    const char *text, *expected;
  } cases[] = {{"mailbox=ws://*:1/v1\nclient_address=192.0.2.1\nrelay=tcp:*:2\n", "192.0.2.1"},
               {"client_address=2001:db8::1", "2001:db8::1"},
               {"client_address=::ffff:192.0.2.1\r\n", "::ffff:192.0.2.1"},
               {"client_address=example.org\n", ""},
               {"client_address=192.0.2.1:4711\n", ""},
               {"client_address=192.0.2.1 x\n", ""},
               {"client_address=\n", ""},
               {"Message board\n", ""},
               {"", ""}};
  char out[P2P_CLIENT_ADDRESS_TEXT_MAX], large[600];
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    p2p_services_client_address(cases[i].text, strlen(cases[i].text), out);
    CHECK_STR(out, cases[i].expected);
  }
  for (size_t length = 0; length < strlen("client_address=192.0.2."); length++) {
    p2p_services_client_address("client_address=192.0.2.1", length, out);
    CHECK_STR(out, "");
  }
  memset(large, '1', sizeof large);
  memcpy(large, "client_address=", 15);
  p2p_services_client_address(large, sizeof large, out);
  CHECK_STR(out, "");
}

UNIT_MAIN("services", UNIT(unknown_users_are_among_those_who_were_asked_about),
          UNIT(a_board_names_its_mailbox_and_relay),
          UNIT(the_host_key_is_that_of_the_first_line_of_this_form),
          UNIT(any_other_output_means_the_public_services), UNIT(the_user_is_the_first_line),
          UNIT(another_user_than_before_is_an_error), UNIT(the_user_public_has_no_account),
          UNIT(the_address_of_the_client_is_one_of_ipv4_or_ipv6))
