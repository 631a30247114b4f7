/* SIGTERM as a wish, not as a death: by default it ends R at once, without on.exit() and without a
 * goodbye to the others. While a program runs, it is noted, and the program leaves as it does at
 * Ctrl-C. And a wait that both of them end at once, so that nobody has to wake up now and then to
 * look whether they came. */
#define _GNU_SOURCE /* ppoll */
#include "r/ffi_signal.h"

#include <R_ext/Utils.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/select.h>

static volatile sig_atomic_t came;
static struct sigaction before;
static int depth; /* of catches; the first one changes the handler, the last release restores it */
static pthread_t r_thread; /* set before any handler of ours */

/* The system gives a signal to any thread that does not block it, such as one of another package's;
 * but it is R's that waits. */
static bool pass_on(int number) {
  return !pthread_equal(pthread_self(), r_thread) && pthread_kill(r_thread, number) == 0;
}

static void note(int number) {
  if (!pass_on(number)) came = 1;
}

SEXP ffi_terminate_catch(void) {
  if (depth++ > 0) return R_NilValue;
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = note;
  sigemptyset(&action.sa_mask);
  r_thread = pthread_self();
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

#define FRONT_END_MS 50

static struct sigaction interrupt; /* R's, while we wait */

static void on_interrupt(int number, siginfo_t *info, void *context) {
  if (pass_on(number)) return;
  if (interrupt.sa_flags & SA_SIGINFO)
    interrupt.sa_sigaction(number, info, context);
  else
    interrupt.sa_handler(number);
}

/* Not where SIGINT is ignored or deadly, which it stays, nor within a wait: what R does in
 * R_CheckUserInterrupt() may wait as well. */
static bool catch_interrupt(void) {
  struct sigaction ours, now;
  if (sigaction(SIGINT, NULL, &now) != 0) return false;
  if (now.sa_flags & SA_SIGINFO ? now.sa_sigaction == on_interrupt
                                : now.sa_handler == SIG_DFL || now.sa_handler == SIG_IGN)
    return false;
  interrupt = now;
  memset(&ours, 0, sizeof ours);
  ours.sa_sigaction = on_interrupt;
  ours.sa_flags = now.sa_flags | SA_SIGINFO;
  ours.sa_mask = now.sa_mask;
  r_thread = pthread_self();
  return sigaction(SIGINT, &ours, NULL) == 0;
}

struct signals {
  sigset_t mask;
  bool is_caught; /* the interrupt, by us */
};

static void restore(const struct signals *signals) {
  pthread_sigmask(SIG_SETMASK, &signals->mask, NULL); /* what is pending comes in now */
  if (signals->is_caught) sigaction(SIGINT, &interrupt, NULL);
}

static void restore_at_jump(void *signals, Rboolean is_jump) {
  if (is_jump) restore(signals);
}

static SEXP check_interrupt(void *unused) {
  (void)unused;
  R_CheckUserInterrupt();
  return R_NilValue;
}

/* The signals of `mask` come in while it waits, and only then. False: nothing came. */
static bool wait_with_mask(const int fds[2], int timeout_ms, const sigset_t *mask) {
#if defined(__APPLE__) /* has no ppoll */
  int most = fds[0] > fds[1] ? fds[0] : fds[1];
  if (most >= FD_SETSIZE && timeout_ms > 250) timeout_ms = 250;
  struct timespec timeout = {timeout_ms / 1000, (long)(timeout_ms % 1000) * 1000000L};
  fd_set ready;
  FD_ZERO(&ready);
  for (int i = 0; i < 2; i++)
    if (fds[i] >= 0 && most < FD_SETSIZE) FD_SET(fds[i], &ready);
  return pselect(most < FD_SETSIZE ? most + 1 : 0, &ready, NULL, NULL, &timeout, mask) != 0 ||
         most >= FD_SETSIZE;
#else
  struct timespec timeout = {timeout_ms / 1000, (long)(timeout_ms % 1000) * 1000000L};
  struct pollfd ready[2] = {{.fd = fds[0], .events = POLLIN}, {.fd = fds[1], .events = POLLIN}};
  return ppoll(ready, 2, &timeout, mask) != 0;
#endif
}

/* A signal that comes before ppoll() would be seen only after it. So they are blocked first, then
 * we look whether one has come, and ppoll lets them in. */
static bool wait_once(const int fds[2], int timeout_ms) {
  struct signals signals = {.is_caught = catch_interrupt()};
  sigset_t ours;
  SEXP jump = PROTECT(R_MakeUnwindCont());
  sigemptyset(&ours);
  sigaddset(&ours, SIGINT);
  sigaddset(&ours, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &ours, &signals.mask);
  R_UnwindProtect(check_interrupt, NULL, restore_at_jump, &signals, jump);
  bool came_any = (depth > 0 && came) || wait_with_mask(fds, timeout_ms, &signals.mask);
  restore(&signals);
  UNPROTECT(1);
  return came_any;
}

/* RStudio, R.app and others interrupt R by its flag, without a signal, and live by what
 * R_CheckUserInterrupt() does for them. */
static bool has_front_end(void) {
  const char *gui = p2p_ffi_text(Rf_eval(Rf_install(".Platform"), R_BaseEnv), "GUI");
  return gui != NULL && strcmp(gui, "X11") != 0 && strcmp(gui, "none") != 0 &&
         strcmp(gui, "unknown") != 0;
}

/* Whatever ends the wait, R's interrupts are looked for once more. */
void p2p_ffi_wait_for_any(const int fds[2], int timeout_ms) {
  bool is_sliced = has_front_end(), is_over = false;
  for (int left_ms = timeout_ms > 0 ? timeout_ms : 0; !is_over;) {
    int slice_ms = is_sliced && left_ms > FRONT_END_MS ? FRONT_END_MS : left_ms;
    left_ms -= slice_ms;
    is_over = wait_once(fds, slice_ms) || left_ms == 0;
    R_CheckUserInterrupt();
  }
}

void p2p_ffi_wait(int fd, int timeout_ms) {
  p2p_ffi_wait_for_any((const int[2]){fd, -1}, timeout_ms);
}
