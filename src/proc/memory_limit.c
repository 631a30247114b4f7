/* Limits of the process. Linux counts what RLIMIT_DATA counts as VmData in /proc/self/status.
 * RLIMIT_AS would count what is only reserved, too: each thread's arena, for one. */
#include "proc/memory_limit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#ifdef __APPLE__
#include <mach/mach.h>
#endif

#ifdef __linux__
#define RESOURCE RLIMIT_DATA

uint64_t p2p_memory_limit_used(void) {
  unsigned long long kib = 0;
  char line[256];
  FILE *status = fopen("/proc/self/status", "re");
  if (status == NULL) return 0;
  while (fgets(line, sizeof line, status) != NULL)
    if (sscanf(line, "VmData: %llu kB", &kib) == 1) break;
  fclose(status);
  return kib * 1024;
}
#else
#define RESOURCE RLIMIT_AS

/* macOS refuses a limit below the size of the address space, which is gigabytes from the start. */
uint64_t p2p_memory_limit_used(void) {
#ifdef __APPLE__
  struct mach_task_basic_info info;
  mach_msg_type_number_t count = MACH_TASK_BASIC_INFO_COUNT;
  if (task_info(mach_task_self(), MACH_TASK_BASIC_INFO, (task_info_t)&info, &count) == KERN_SUCCESS)
    return info.virtual_size;
#endif
  return 0;
}
#endif

int p2p_memory_limit_set(uint64_t bytes, struct p2p_err *err) {
  struct rlimit limit;
  if (getrlimit(RESOURCE, &limit) != 0)
    return p2p_err_set(err, P2P_ERR_SYSTEM, "cannot read the memory limit: %s", strerror(errno));
  uint64_t used = p2p_memory_limit_used();
  uint64_t wanted = bytes < UINT64_MAX - used ? bytes + used : UINT64_MAX;
  if (limit.rlim_max != RLIM_INFINITY && wanted >= limit.rlim_max)
    return P2P_OK; /* there is a lower one already */
  limit.rlim_cur = limit.rlim_max = (rlim_t)wanted;
  if (setrlimit(RESOURCE, &limit) != 0)
    return p2p_err_set(err, P2P_ERR_SYSTEM, "cannot set the memory limit: %s", strerror(errno));
  return P2P_OK;
}

int p2p_memory_limit_lower(uint64_t bytes, uint64_t *old, struct p2p_err *err) {
  struct rlimit limit;
  if (getrlimit(RESOURCE, &limit) != 0)
    return p2p_err_set(err, P2P_ERR_SYSTEM, "cannot read the memory limit: %s", strerror(errno));
  uint64_t used = p2p_memory_limit_used();
  rlim_t wanted = bytes < UINT64_MAX / 2 - used ? (rlim_t)(bytes + used) : RLIM_INFINITY;
  *old = (uint64_t)limit.rlim_cur;
  if (limit.rlim_cur != RLIM_INFINITY && wanted >= limit.rlim_cur) return P2P_OK;
  limit.rlim_cur = wanted;
  if (setrlimit(RESOURCE, &limit) != 0)
    return p2p_err_set(err, P2P_ERR_SYSTEM, "cannot set the memory limit: %s", strerror(errno));
  return P2P_OK;
}

void p2p_memory_limit_restore(uint64_t old) {
  struct rlimit limit;
  if (getrlimit(RESOURCE, &limit) != 0) return;
  limit.rlim_cur = (rlim_t)old;
  (void)!setrlimit(RESOURCE, &limit);
}
