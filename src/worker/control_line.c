/* The words of the owner. */
#include "worker/control_line.h"

#include <string.h>

static const char *const words[] = {[P2P_CONTROL_STATUS] = "status",
                                    [P2P_CONTROL_PAUSE] = "pause",
                                    [P2P_CONTROL_RESUME] = "resume",
                                    [P2P_CONTROL_DRAIN] = "drain"};
#define WORDS (sizeof words / sizeof words[0])

const char *p2p_control_word(enum p2p_control_op op) { return words[op]; }

int p2p_control_line_read(const char *bytes, size_t length, enum p2p_control_op *out) {
  for (size_t i = 0; i < WORDS; i++) {
    size_t whole = strlen(words[i]);
    if (length <= whole && memcmp(bytes, words[i], length) == 0) return P2P_ERR_CANCELED;
    if (length != whole + 1 || memcmp(bytes, words[i], whole) != 0 || bytes[whole] != '\n')
      continue;
    *out = (enum p2p_control_op)i;
    return P2P_OK;
  }
  return P2P_ERR_PARSE;
}
