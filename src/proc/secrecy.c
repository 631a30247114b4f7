/* On Linux the attribute "dumpable", which programs that are started do not inherit; elsewhere the
 * limit on core files. */
#include "proc/secrecy.h"

#include <pthread.h>
#include <stdbool.h>
#ifdef __linux__
#include <sys/prctl.h>
#else
#include <sys/resource.h>
#endif

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned users;
static bool was_open; /* before */

#ifdef __linux__
static void hide(void) {
  was_open = prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 1;
  (void)!prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

static void show(void) {
  if (was_open) (void)!prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
}
#else
static struct rlimit core_limit; /* before */

static void hide(void) {
  was_open = getrlimit(RLIMIT_CORE, &core_limit) == 0;
  const struct rlimit none = {.rlim_cur = 0, .rlim_max = core_limit.rlim_max};
  if (was_open) (void)!setrlimit(RLIMIT_CORE, &none);
}

static void show(void) {
  if (was_open) (void)!setrlimit(RLIMIT_CORE, &core_limit);
}
#endif

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
