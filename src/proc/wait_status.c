/* An end like that of another process. */
#include "proc/wait_status.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proc/core_limit.h"

void p2p_wait_status_repeat(int status) {
  if (WIFSIGNALED(status)) {
    sigset_t one;
    p2p_core_limit_set();
    signal(WTERMSIG(status), SIG_DFL);
    sigemptyset(&one);
    sigaddset(&one, WTERMSIG(status));
    sigprocmask(SIG_UNBLOCK, &one, NULL);
    raise(WTERMSIG(status));
  }
  _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
}
