/* The attribute "dumpable" of Linux, and the limit on core files. */
#include "proc/secrecy.h"

#include <pthread.h>
#include <stdbool.h>
#include <sys/resource.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned users;
static bool was_dumpable, has_core_limit;
static struct rlimit core_limit; /* before */

static void hide(void) {
  has_core_limit = getrlimit(RLIMIT_CORE, &core_limit) == 0;
  const struct rlimit none = {.rlim_cur = 0, .rlim_max = core_limit.rlim_max};
  if (has_core_limit) (void)!setrlimit(RLIMIT_CORE, &none);
#ifdef __linux__
  was_dumpable = prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 1;
  (void)!prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
}

static void show(void) {
  if (has_core_limit) (void)!setrlimit(RLIMIT_CORE, &core_limit);
#ifdef __linux__
  if (was_dumpable) (void)!prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
#endif
}

void p2p_secrecy_begin(void) {
  pthread_mutex_lock(&lock);
  if (users++ == 0) hide();
  pthread_mutex_unlock(&lock);
}

void p2p_secrecy_end(void) {
  pthread_mutex_lock(&lock);
  if (--users == 0) show();
  pthread_mutex_unlock(&lock);
}
