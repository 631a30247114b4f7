/* What reaches the control socket of a worker, in any pieces: one word and a newline is a request,
 * and nothing else is. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "worker/control_line.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
  char *line = malloc(length > 0 ? length : 1);
  int code = P2P_ERR_CANCELED;
  for (size_t n = 0; n <= length && code == P2P_ERR_CANCELED; n++) {
    enum p2p_control_op op = P2P_CONTROL_STATUS;
    memcpy(line, bytes, n);
    code = p2p_control_line_read(line, n, &op);
    if (code == P2P_ERR_CANCELED && n >= P2P_CONTROL_LINE_MAX) __builtin_trap();
    if (code != P2P_OK) continue;
    const char *word = p2p_control_word(op);
    if (n != strlen(word) + 1 || line[n - 1] != '\n' || memcmp(line, word, n - 1) != 0)
      __builtin_trap();
    if (n < length) memcpy(line, bytes, n + 1);
    if (n < length && p2p_control_line_read(line, n + 1, &op) != P2P_ERR_PARSE) __builtin_trap();
  }
  if (length > P2P_CONTROL_LINE_MAX && code == P2P_ERR_CANCELED) __builtin_trap();
  free(line);
  return 0;
}
