/* known_hosts files: whatever they contain, only a key that they show is known. */
#include <stdlib.h>
#include <string.h>

#include "board/known_hosts.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
  static const uint8_t absent[] = "no key";
  char place[64], algorithms[P2P_HOST_KEY_ALGORITHMS_MAX];
  struct p2p_known_hosts *known = p2p_known_hosts_new("board", 2222);
  if (known == NULL) return 0;
  char *text = malloc(length + 1);
  memcpy(text, bytes, length);
  (void)!p2p_known_hosts_add(known, "known_hosts", text, length);
  free(text);
  enum p2p_host_key_state state =
      p2p_known_hosts_check(known, absent, sizeof absent, place, sizeof place);
  if (state == P2P_HOST_KEY_KNOWN || state == P2P_HOST_KEY_REVOKED) __builtin_trap();
  p2p_known_hosts_algorithms(known, algorithms);
  if (strlen(algorithms) != strlen("ssh-ed25519,ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,"
                                   "ecdsa-sha2-nistp521,rsa-sha2-512,rsa-sha2-256"))
    __builtin_trap();
  (void)p2p_known_hosts_needs_certificate(known);
  p2p_known_hosts_free(known);
  return 0;
}
