/* HELLO payloads of clients, workers and evaluators. What the reader accepts is written back and
 * read the same. */
#include <string.h>

#include "fuzz.h"
#include "protocol/evaluator_hello.h"
#include "protocol/hello.h"

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
  if (strcmp(hello.member, again.member) != 0 || strcmp(hello.r_version, again.r_version) != 0 ||
      strcmp(hello.future_version, again.future_version) != 0 || hello.slots != again.slots ||
      hello.reads_marks != again.reads_marks ||
      strcmp(hello.machine.platform, again.machine.platform) != 0 ||
      hello.machine.cores != again.machine.cores ||
      hello.machine.memory_mib != again.machine.memory_mib)
    __builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
  char error[32];
  check(bytes, length, P2P_ROLE_CLIENT);
  check(bytes, length, P2P_ROLE_WORKER);
  if (!p2p_evaluator_hello_read(bytes, length, error, sizeof error) && error[0] != '\0')
    __builtin_trap();
  if (memchr(error, '\0', sizeof error) == NULL) __builtin_trap();
  (void)p2p_evaluator_hello_peak_bytes(bytes, length);
  return 0;
}
