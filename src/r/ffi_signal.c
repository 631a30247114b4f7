/* SIGTERM as a wish, not as a death: by default it ends R at once, without on.exit() and without a goodbye to the others. While a
 * program runs, it is noted, and the program leaves as it does at Ctrl-C. And a wait that both of them end at once, so that nobody
 * has to wake up now and then to look whether they came. */
#define _GNU_SOURCE /* ppoll */
#include "r/ffi_signal.h"

#include <R_ext/Utils.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/select.h>

static volatile sig_atomic_t came;
static struct sigaction before;
static int depth; /* of catches; the first one changes the handler, the last release restores it */

static void note(int number) {
  (void)number;
  came = 1;
}

SEXP ffi_terminate_catch(void) {
  if (depth++ > 0) return R_NilValue;
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = note;
  sigemptyset(&action.sa_mask);
  came = 0;
  sigaction(SIGTERM, &action, &before);
  return R_NilValue;
}

SEXP ffi_terminate_release(void) {
  if (depth > 0 && --depth == 0) sigaction(SIGTERM, &before, NULL);
  return R_NilValue;
}

/* TRUE once SIGTERM has come since it is caught. */
SEXP ffi_terminate_came(void) { return Rf_ScalarLogical(came != 0); }

/* --- a wait that signals end --- */

static SEXP check_interrupt(void *unused) {
  (void)unused;
  R_CheckUserInterrupt();
  return R_NilValue;
}

static void restore_mask(void *mask, Rboolean is_jump) {
  if (is_jump) pthread_sigmask(SIG_SETMASK, mask, NULL);
}

/* The signals of `mask` come in while it waits, and only then. */
static void wait_with_mask(int fd, int timeout_ms, const sigset_t *mask) {
  struct timespec timeout = {timeout_ms / 1000, (long)(timeout_ms % 1000) * 1000000L};
#if defined(__APPLE__) /* has no ppoll */
  fd_set ready;
  FD_ZERO(&ready);
  if (fd < FD_SETSIZE) FD_SET(fd, &ready);
  else if (timeout_ms > 250) timeout = (struct timespec){0, 250 * 1000000L};
  (void)pselect(fd < FD_SETSIZE ? fd + 1 : 0, &ready, NULL, NULL, &timeout, mask);
#else
  struct pollfd ready = {.fd = fd, .events = POLLIN};
  (void)ppoll(&ready, 1, &timeout, mask);
#endif
}

/* A signal that comes before ppoll() would be seen only after it. So they are blocked first, then we look whether one has come, and ppoll
 * lets them in. Whatever ends the wait, R's interrupts are looked for once more. */
void p2p_ffi_wait(int fd, int timeout_ms) {
  sigset_t ours, before;
  SEXP jump = PROTECT(R_MakeUnwindCont());
  sigemptyset(&ours);
  sigaddset(&ours, SIGINT);
  sigaddset(&ours, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &ours, &before);
  R_UnwindProtect(check_interrupt, NULL, restore_mask, &before, jump);
  if (depth == 0 || !came) wait_with_mask(fd, timeout_ms, &before);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  UNPROTECT(1);
  R_CheckUserInterrupt();
}
