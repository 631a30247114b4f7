/* The output of the board's commands `user`, `services`, `users`, `attest`, `attested` and `ls`. */
#include <stdlib.h>
#include <string.h>

#include "board/attestation.h"
#include "board/services.h"
#include "board/topic.h"
#include "board/unknown_users.h"
#include "board/whoami.h"
#include "fuzz.h"
#include "protocol/member_name.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
  static const struct p2p_cluster cluster = {"alice", "friends"};
  char *text = malloc(length == 0 ? 1 : length), user[P2P_USER_MAX], unknown[16];
  struct p2p_services services;
  memcpy(text, bytes, length);
  if (p2p_whoami_parse(text, length, "board", user, NULL) == P2P_OK &&
      !p2p_user_name_is_valid(user, strlen(user)))
    __builtin_trap();
  p2p_services_parse(text, length, "board", &services);
  if (strncmp(services.mailbox, "ws://", 5) != 0 || strncmp(services.relay, "tcp:", 4) != 0)
    __builtin_trap();
  char address[P2P_CLIENT_ADDRESS_TEXT_MAX];
  p2p_services_client_address(text, length, address);
  if (strspn(address, "0123456789abcdefABCDEF.:") != strlen(address)) __builtin_trap();
  char host_key[P2P_HOST_KEY_TEXT_MAX];
  p2p_services_host_key(text, length, host_key);
  if (strcspn(host_key, "\"\r\n#") != strlen(host_key)) __builtin_trap();
  if (p2p_unknown_users_parse(text, length, "bob,diana,eve", unknown, sizeof unknown) == P2P_OK
          ? strlen(unknown) > 0 && strspn(unknown, "bobdianaeve,") != strlen(unknown)
          : unknown[0] != '\0')
    __builtin_trap();
  if (p2p_attest_is_done(text, length) && p2p_attested_lists(text, length, "bob")) __builtin_trap();
  (void)p2p_topic_find(text, length, &cluster, "alice");
  (void)p2p_topic_lists_user(text, length, &cluster, "bob");
  free(text);
  return 0;
}
