/* HELLO payloads of clients, workers and evaluators. What the reader accepts is written back and
 * read the same. */
#include <string.h>

#include "fuzz.h"
#include "protocol/evaluator_hello.h"
#include "protocol/hello.h"

static bool is_same(const struct p2p_hello *a, const struct p2p_hello *b) {
  const struct p2p_badge *badge = &a->badge, *other = &b->badge;
  return strcmp(a->member, b->member) == 0 && strcmp(a->r_version, b->r_version) == 0 &&
         strcmp(a->future_version, b->future_version) == 0 && a->has_badge == b->has_badge &&
         strcmp(badge->user, other->user) == 0 &&
         memcmp(&badge->device, &other->device, sizeof badge->device) == 0 &&
         memcmp(badge->certificate, other->certificate, sizeof badge->certificate) == 0 &&
         memcmp(badge->proof, other->proof, sizeof badge->proof) == 0 &&
         a->reads_marks == b->reads_marks && a->slots == b->slots &&
         strcmp(a->machine.platform, b->machine.platform) == 0 &&
         a->machine.cores == b->machine.cores && a->machine.memory_mib == b->machine.memory_mib &&
         a->machine.sandbox == b->machine.sandbox && a->ciphers.count == b->ciphers.count &&
         memcmp(a->ciphers.kinds, b->ciphers.kinds, sizeof a->ciphers.kinds) == 0;
}

static void check(const uint8_t *bytes, size_t length, enum p2p_role sender) {
  struct p2p_hello hello, again;
  struct p2p_err err = {0};
  char text[P2P_HELLO_MAX + 1];
  if (p2p_hello_read(bytes, length, sender, &hello, &err) != P2P_OK) {
    if (err.code != P2P_ERR_PROTOCOL || err.message[0] == '\0') __builtin_trap();
    return;
  }
  long size = p2p_hello_write(&hello, sender, text, sizeof text);
  if (size <= 0 || (size_t)size != strlen(text)) __builtin_trap();
  if (p2p_hello_read(text, (size_t)size, sender, &again, NULL) != P2P_OK) __builtin_trap();
  if (!is_same(&hello, &again)) __builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
  char error[32];
  check(bytes, length, P2P_ROLE_CLIENT);
  check(bytes, length, P2P_ROLE_WORKER);
  if (!p2p_evaluator_hello_read(bytes, length, error, sizeof error) && error[0] != '\0')
    __builtin_trap();
  if (memchr(error, '\0', sizeof error) == NULL) __builtin_trap();
  (void)p2p_evaluator_hello_peak_bytes(bytes, length);
  (void)p2p_evaluator_hello_data_bytes(bytes, length);
  return 0;
}
