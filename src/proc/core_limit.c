/* The limit on core files. */
#include "proc/core_limit.h"

#include <sys/resource.h>

void p2p_core_limit_set(void) {
  const struct rlimit none = {0, 0};
  (void)!setrlimit(RLIMIT_CORE, &none);
}
