/* The origin of a connection, from the name of its peer. */
#include "server/client_address.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

void p2p_client_address_of(const char *peer, char out[static P2P_CLIENT_ADDRESS_MAX]) {
  uint8_t bytes[16];
  const char *start = peer[0] == '[' ? peer + 1 : peer,
             *end = peer[0] == '[' ? strchr(peer, ']') : strrchr(peer, ':');
  int length = end == NULL ? (int)strlen(start) : (int)(end - start);
  snprintf(out, P2P_CLIENT_ADDRESS_MAX, "%.*s", length, start);
  if (peer[0] != '[' || inet_pton(AF_INET6, out, bytes) != 1) return;
  for (int i = 8; i < 16; i++) bytes[i] = 0;
  (void)inet_ntop(AF_INET6, bytes, out, P2P_CLIENT_ADDRESS_MAX);
}
