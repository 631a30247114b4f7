/* What is given to a task: exact text, round trip, truncated and malformed. */
#include "protocol/given.h"

#include <stdlib.h>

#include "unit.h"

static int read_bytes(const char *bytes, size_t length, struct p2p_given *out) {
  char *copy = malloc(length > 0 ? length : 1);
  memcpy(copy, bytes, length);
  int code = p2p_given_read(copy, length, out);
  free(copy);
  return code;
}

TEST(it_is_written_and_read) {
  struct p2p_given given = {.amounts = {4, 6144, 0}, .cpus = {{0x0f}}}, again,
                   none = {.cpus = {{0}}};
  char text[P2P_GIVEN_MAX];
  size_t length = p2p_given_write(&given, text);
  CHECK(length == strlen(text) && strncmp(text, "cores=4\nmemory=6144\ncpus=0f00", 29) == 0);
  CHECK(read_bytes(text, length, &again) == P2P_OK && again.cpus.bits[0] == 0x0f);
  CHECK(p2p_amounts_are_same(&again.amounts, &given.amounts));
  for (size_t i = 0; i < length; i++) (void)!read_bytes(text, i, &again);
  CHECK(p2p_given_write(&none, text) == 0 && read_bytes(text, 0, &again) == P2P_OK);
  CHECK(p2p_cpus_count(&again.cpus) == 0);
}

TEST(other_texts_are_refused) {
  struct p2p_given given = {.amounts = {1, 2, 0}};
  CHECK(read_bytes("cpus=0f\n", 8, &given) == P2P_ERR_PROTOCOL);
  CHECK(read_bytes("cpus=\n", 6, &given) == P2P_ERR_PROTOCOL);
  CHECK(read_bytes("cores=0\n", 8, &given) == P2P_ERR_PROTOCOL && given.amounts.cores == 1);
}

UNIT_MAIN("given", UNIT(it_is_written_and_read), UNIT(other_texts_are_refused))
