/* Signals. By default SIGTERM and SIGHUP kill R without running on.exit(), and SIGPIPE is an R
 * error. While worker(), host_cluster() or serve() runs, the former are caught, and R code leaves
 * as it does after Ctrl-C; the latter does nothing. Waits on R's main thread end as soon as SIGINT,
 * SIGTERM or SIGHUP arrives, without polling. */
#define _GNU_SOURCE /* ppoll */
#include "r/ffi_wait.h"

#include <R_ext/Utils.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/select.h>

#include "r/ffi_config.h"

static volatile sig_atomic_t is_terminated; /* SIGTERM or SIGHUP has arrived */
static const int caught[] = {SIGTERM, SIGHUP, SIGPIPE};
#define N_CAUGHT (sizeof caught / sizeof caught[0])
static struct sigaction before[N_CAUGHT];
/* Calls to _catch: the first sets the handlers, the last _release resets them. */
static int depth;
static pthread_t r_thread; /* set before a handler is installed */

/* The system delivers a signal to any thread that does not block it, such as a thread of another
 * package, but it is R's thread that waits. */
static bool forward(int number) {
  return !pthread_equal(pthread_self(), r_thread) && pthread_kill(r_thread, number) == 0;
}

static void on_terminate(int number) {
  if (number != SIGPIPE && !forward(number)) is_terminated = 1;
}

/* SIGHUP stays ignored under nohup. A handler, unlike SIG_IGN, is not inherited by programs that R
 * starts. */
SEXP ffi_terminate_catch(void) {
  if (depth++ > 0) return R_NilValue;
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = on_terminate;
  sigemptyset(&action.sa_mask);
  r_thread = pthread_self();
  is_terminated = 0;
  for (size_t i = 0; i < N_CAUGHT; i++) {
    sigaction(caught[i], NULL, &before[i]);
    if (caught[i] == SIGHUP && before[i].sa_handler == SIG_IGN) continue;
    sigaction(caught[i], &action, NULL);
  }
  return R_NilValue;
}

SEXP ffi_terminate_release(void) {
  if (depth == 0 || --depth > 0) return R_NilValue;
  for (size_t i = 0; i < N_CAUGHT; i++) sigaction(caught[i], &before[i], NULL);
  return R_NilValue;
}

/* Whether SIGTERM or SIGHUP has arrived since the last call, or since they are caught. */
SEXP ffi_terminate_take(void) {
  bool is_pending = is_terminated != 0;
  is_terminated = 0;
  return Rf_ScalarLogical(is_pending);
}

/* --- waits that signals end --- */

#define FRONT_END_MS 50

static struct sigaction interrupt; /* R's own handler, while we wait */

static void on_interrupt(int number, siginfo_t *info, void *context) {
  if (forward(number)) return;
  if (interrupt.sa_flags & SA_SIGINFO)
    interrupt.sa_sigaction(number, info, context);
  else
    interrupt.sa_handler(number);
}

/* Does nothing if SIGINT is ignored or has its default action, or inside another wait, which
 * R_CheckUserInterrupt() may start. */
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
  bool is_caught; /* SIGINT, by catch_interrupt() */
};

static void restore(const struct signals *signals) {
  pthread_sigmask(SIG_SETMASK, &signals->mask, NULL); /* delivers pending signals */
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

/* Waits with the signal mask `mask`. False: timed out. */
static bool wait_with_mask(const int fds[2], int timeout_ms, const sigset_t *mask) {
#if defined(__APPLE__) /* it has no ppoll */
  int highest = fds[0] > fds[1] ? fds[0] : fds[1];
  if (highest >= FD_SETSIZE && timeout_ms > 250) timeout_ms = 250;
  struct timespec timeout = {timeout_ms / 1000, (long)(timeout_ms % 1000) * 1000000L};
  fd_set ready;
  FD_ZERO(&ready);
  for (int i = 0; i < 2; i++)
    if (fds[i] >= 0 && highest < FD_SETSIZE) FD_SET(fds[i], &ready);
  return pselect(highest < FD_SETSIZE ? highest + 1 : 0, &ready, NULL, NULL, &timeout, mask) != 0 ||
         highest >= FD_SETSIZE;
#else
  struct timespec timeout = {timeout_ms / 1000, (long)(timeout_ms % 1000) * 1000000L};
  struct pollfd ready[2] = {{.fd = fds[0], .events = POLLIN}, {.fd = fds[1], .events = POLLIN}};
  return ppoll(ready, 2, &timeout, mask) != 0;
#endif
}

/* A signal that arrives just before ppoll() would be noticed only after it. So signals are blocked,
 * pending ones are checked, and ppoll() unblocks them while it waits. */
static bool wait_once(const int fds[2], int timeout_ms) {
  struct signals signals = {.is_caught = catch_interrupt()};
  sigset_t ours;
  SEXP jump = PROTECT(R_MakeUnwindCont());
  sigemptyset(&ours);
  sigaddset(&ours, SIGINT);
  sigaddset(&ours, SIGTERM);
  sigaddset(&ours, SIGHUP);
  pthread_sigmask(SIG_BLOCK, &ours, &signals.mask);
  R_UnwindProtect(check_interrupt, NULL, restore_at_jump, &signals, jump);
  bool is_over = (depth > 0 && is_terminated) || wait_with_mask(fds, timeout_ms, &signals.mask);
  restore(&signals);
  UNPROTECT(1);
  return is_over;
}

/* RStudio, R.app and others interrupt R by setting a flag, without a signal, and handle their
 * events in R_CheckUserInterrupt(). */
static bool has_front_end(void) {
  const char *gui = p2p_ffi_text(Rf_eval(Rf_install(".Platform"), R_BaseEnv), "GUI");
  return gui != NULL && strcmp(gui, "X11") != 0 && strcmp(gui, "none") != 0 &&
         strcmp(gui, "unknown") != 0;
}

/* Checks for interrupts once more after the wait, whatever ended it. */
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
