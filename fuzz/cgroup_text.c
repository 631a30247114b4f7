/* What the kernel says about control groups: whatever it is, a path leads down. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "proc/cgroup_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
  char path[P2P_CGROUP_PATH_MAX];
  char *text = malloc(length > 0 ? length : 1);
  uint64_t number;
  memcpy(text, bytes, length);
  if (p2p_cgroup_text_path(text, length, path) &&
      (path[0] != '/' || strstr(path, "/../") != NULL || strchr(path, '\n') != NULL))
    __builtin_trap();
  if (p2p_cgroup_text_number(text, length, "oom", &number) && memchr(text, '\n', length) == NULL)
    __builtin_trap();
  (void)p2p_cgroup_text_has(text, length, "memory");
  free(text);
  return 0;
}
