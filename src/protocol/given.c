/* What was given to a task. */
#include "protocol/given.h"

#include <stdio.h>
#include <string.h>

#include "base/encode.h"
#include "protocol/pairs.h"

size_t p2p_given_write(const struct p2p_given *given, char out[static P2P_GIVEN_MAX]) {
  const struct p2p_resources amounts = {.amounts = given->amounts};
  char hex[2 * P2P_CPUS_BYTES + 1];
  size_t length = p2p_request_write(&amounts, out);
  if (p2p_cpus_count(&given->cpus) == 0) return length;
  p2p_hex_encode(given->cpus.bits, sizeof given->cpus.bits, hex);
  return length + (size_t)snprintf(out + length, P2P_GIVEN_MAX - length, "cpus=%s\n", hex);
}

static bool read_cpus(const void *payload, size_t length, struct p2p_cpus *out) {
  char space[2 * P2P_CPUS_BYTES + 1];
  const char *hex;
  size_t n;
  if (!p2p_pairs_get_optional(payload, length, "cpus", space, sizeof space, &hex)) return false;
  return hex == NULL ||
         (p2p_hex_decode(hex, strlen(hex), out->bits, sizeof out->bits, &n) == P2P_OK &&
          n == sizeof out->bits);
}

int p2p_given_read(const void *payload, size_t length, struct p2p_given *out) {
  struct p2p_resources resources;
  struct p2p_given given = {.cpus = {{0}}};
  if (p2p_request_read(payload, length, &resources) != P2P_OK ||
      !read_cpus(payload, length, &given.cpus))
    return P2P_ERR_PROTOCOL;
  given.amounts = resources.amounts;
  *out = given;
  return P2P_OK;
}
