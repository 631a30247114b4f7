/* The address under which the connections of one client are counted. */
#include "server/client_address.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/hostport.h"

void p2p_client_address_of(const char *peer, char out[static P2P_CLIENT_ADDRESS_MAX]) {
  uint8_t bytes[16];
  struct p2p_hostport place;
  bool is_place = p2p_hostport_parse(peer, strlen(peer), &place) == P2P_OK;
  snprintf(out, P2P_CLIENT_ADDRESS_MAX, "%.*s", P2P_CLIENT_ADDRESS_MAX - 1,
           is_place ? place.host : peer);
  if (inet_pton(AF_INET6, out, bytes) != 1) return;
  for (int i = 8; i < 16; i++) bytes[i] = 0;
  (void)inet_ntop(AF_INET6, bytes, out, P2P_CLIENT_ADDRESS_MAX);
}
