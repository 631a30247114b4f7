/* Socket addresses as text, and the addresses of this machine. */
#include "net/address.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <uv.h>

#include "base/hostport.h"

static int format_in4(const struct in_addr *address, uint16_t port, char *out, size_t size) {
  char host[INET_ADDRSTRLEN];
  if (inet_ntop(AF_INET, address, host, sizeof host) == NULL) return P2P_ERR_SYSTEM;
  int n = p2p_hostport_format(host, port, out, size);
  return n < 0 || (size_t)n >= size ? P2P_ERR_TOO_LARGE : P2P_OK;
}

static int format_in6(const struct in6_addr *address, uint16_t port, char *out, size_t size) {
  if (IN6_IS_ADDR_V4MAPPED(address)) {
    struct in_addr in4;
    memcpy(&in4, &address->s6_addr[12], sizeof in4);
    return format_in4(&in4, port, out, size);
  }
  char host[INET6_ADDRSTRLEN];
  if (inet_ntop(AF_INET6, address, host, sizeof host) == NULL) return P2P_ERR_SYSTEM;
  int n = p2p_hostport_format(host, port, out, size);
  return n < 0 || (size_t)n >= size ? P2P_ERR_TOO_LARGE : P2P_OK;
}

int p2p_address_format(const struct sockaddr *address, char *out, size_t size) {
  if (address->sa_family == AF_INET) {
    const struct sockaddr_in *in4 = (const struct sockaddr_in *)address;
    return format_in4(&in4->sin_addr, ntohs(in4->sin_port), out, size);
  }
  if (address->sa_family == AF_INET6) {
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)address;
    return format_in6(&in6->sin6_addr, ntohs(in6->sin6_port), out, size);
  }
  return P2P_ERR_INVALID;
}

struct addrinfo *p2p_address_numeric(const char *host, uint16_t port) {
  char service[6];
  snprintf(service, sizeof service, "%u", (unsigned)port);
  struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM};
  struct addrinfo *addresses = NULL;
  return getaddrinfo(host, service, &hints, &addresses) == 0 ? addresses : NULL;
}

static bool is_usable_in4(uint32_t address, bool is_peer_local) {
  uint32_t net = address >> 24;
  bool is_local = net == 127 || address >> 16 == 0xA9FE;
  return net != 0 && net < 224 && (is_peer_local || !is_local);
}

bool p2p_address_is_usable(const struct sockaddr *address, bool is_peer_local) {
  if (address->sa_family == AF_INET)
    return is_usable_in4(ntohl(((const struct sockaddr_in *)address)->sin_addr.s_addr),
                         is_peer_local);
  if (address->sa_family != AF_INET6) return false;
  const struct in6_addr *in6 = &((const struct sockaddr_in6 *)address)->sin6_addr;
  bool is_local = IN6_IS_ADDR_LOOPBACK(in6) || IN6_IS_ADDR_LINKLOCAL(in6);
  if (IN6_IS_ADDR_V4MAPPED(in6)) {
    struct in_addr in4;
    memcpy(&in4, &in6->s6_addr[12], sizeof in4);
    return is_usable_in4(ntohl(in4.s_addr), is_peer_local);
  }
  return !IN6_IS_ADDR_UNSPECIFIED(in6) && !IN6_IS_ADDR_MULTICAST(in6) &&
         (is_peer_local || !is_local);
}

bool p2p_address_is_loopback(const char *host) {
  struct in_addr in4;
  struct in6_addr in6;
  return strcmp(host, "localhost") == 0 ||
         (inet_pton(AF_INET, host, &in4) == 1 && ntohl(in4.s_addr) >> 24 == 127) ||
         (inet_pton(AF_INET6, host, &in6) == 1 && IN6_IS_ADDR_LOOPBACK(&in6));
}

/* Link-local addresses (169.254/16, fe80::/10) are of no use to other machines. */
static bool is_link_local(const uv_interface_address_t *interface) {
  if (interface->address.address4.sin_family == AF_INET)
    return (ntohl(interface->address.address4.sin_addr.s_addr) >> 16) == 0xA9FE;
  return IN6_IS_ADDR_LINKLOCAL(&interface->address.address6.sin6_addr);
}

static size_t add_addresses(const uv_interface_address_t *interfaces, int n_interfaces,
                            bool loopback, char (*out)[P2P_ADDRESS_TEXT_MAX], size_t count) {
  size_t n = 0;
  for (int i = 0; i < n_interfaces && n < count; i++) {
    const uv_interface_address_t *interface = &interfaces[i];
    if ((interface->is_internal != 0) != loopback || is_link_local(interface)) continue;
    int bad = interface->address.address4.sin_family == AF_INET
                  ? uv_ip4_name(&interface->address.address4, out[n], sizeof out[n])
                  : uv_ip6_name(&interface->address.address6, out[n], sizeof out[n]);
    if (bad == 0) n++;
  }
  return n;
}

size_t p2p_local_addresses(char (*out)[P2P_ADDRESS_TEXT_MAX], size_t count, bool with_loopback) {
  uv_interface_address_t *interfaces;
  int n_interfaces;
  if (uv_interface_addresses(&interfaces, &n_interfaces) != 0) return 0;
  size_t n = add_addresses(interfaces, n_interfaces, false, out, count);
  if (n == 0 || with_loopback)
    n += add_addresses(interfaces, n_interfaces, true, out + n, count - n);
  uv_free_interface_addresses(interfaces, n_interfaces);
  return n;
}
