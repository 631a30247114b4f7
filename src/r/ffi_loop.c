/* The io thread of this R process. p2p_ffi_loop() starts it; it is stopped when the package is
 * unloaded or R ends, however R ends.
 *
 * libuv and libcrypto clean up in exit(), by exit handlers and library destructors, and abort or
 * crash if a thread still uses them. So the io thread is stopped before: by a finalizer, which R
 * runs in quit(), after an error in a script and at the end of a script; and by an exit handler,
 * for code that calls exit() directly. The exit handler is registered after the libraries have
 * registered theirs, and so runs first. */
#ifndef _DEFAULT_SOURCE
#define _DEFAULT_SOURCE /* on_exit */
#endif
#include "r/ffi_loop.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "crypto/random.h"
#include "net/loop_fork.h"
#include "net/proxy.h"
#include "r/ffi_error.h"
#include "r/ffi_handle.h"

#define TAG_LOOP "network thread"

static struct p2p_loop *the_loop;
static pid_t the_owner;     /* of the_loop */
static SEXP the_handle;     /* its finalizer stops the_loop; NULL: none */
static pid_t first_process; /* the one that started a loop first; 0: none has */
static bool has_handler;    /* at_exit is registered */
static bool is_busy;        /* a job (a name being looked up) outlived its loop */

void p2p_ffi_loop_stop(void) {
  struct p2p_loop *loop = the_loop;
  the_loop = NULL;
  if (the_handle != NULL) R_ReleaseObject(the_handle);
  the_handle = NULL;
  if (loop == NULL) return;
  if (the_owner == getpid()) {
    p2p_ffi_handle_free_values();
    if (!p2p_loop_stop(loop)) is_busy = true;
  } else {
    p2p_loop_disown(loop);
  }
}

static void at_exit(void) {
  p2p_ffi_loop_stop();
  if (first_process != getpid()) p2p_loop_prepare_exit_of_fork();
}

#if defined(__GLIBC__)
/* libuv's destructor waits for jobs without a bound, and a name server may take minutes. R has
 * removed its files by now, so nothing is lost if the destructors do not run. */
static void on_exit_handler(int status, void *unused) {
  (void)unused;
  at_exit();
  if (!is_busy || first_process != getpid()) return;
  fflush(NULL);
  quick_exit(status);
}

static bool register_exit_handler(void) { return on_exit(on_exit_handler, NULL) == 0; }
#else
static bool register_exit_handler(void) { return atexit(at_exit) == 0; }
#endif

static void finalize(void *unused) {
  (void)unused;
  p2p_ffi_loop_stop();
}

static void arrange_stop(void) {
  if (the_handle == NULL) {
    the_handle = p2p_ffi_handle(TAG_LOOP, finalize);
    R_PreserveObject(the_handle);
    p2p_ffi_handle_set(the_handle, &the_loop);
  }
  if (first_process == 0) first_process = getpid();
  if (!has_handler) has_handler = register_exit_handler();
}

static void start(void) {
  struct p2p_err err = {0};
  if (p2p_crypto_init() != P2P_OK) {
    p2p_err_set(&err, P2P_ERR_CRYPTO, "cannot initialize libsodium or libcrypto");
    p2p_ffi_raise(&err);
  }
  arrange_stop();
  if (p2p_loop_start(&the_loop, &err) != P2P_OK) p2p_ffi_raise(&err);
  the_owner = getpid();
}

struct p2p_loop *p2p_ffi_loop(void) {
  if (the_loop != NULL && the_owner != getpid()) p2p_ffi_loop_stop();
  if (the_loop == NULL) start();
  return the_loop;
}

/* Called before the package is unloaded. Returns whether our code must stay loaded, for exit(). */
SEXP ffi_loop_stop(void) {
  p2p_ffi_loop_stop();
  return Rf_ScalarLogical(has_handler);
}

/* `url`: the proxy, "" for none. `except`: the hosts reached without it, as in no_proxy. */
SEXP ffi_loop_set_proxy(SEXP url, SEXP except) {
  struct p2p_proxy proxy;
  struct p2p_err err = {0};
  if (p2p_proxy_parse(Rf_translateCharUTF8(STRING_ELT(url, 0)),
                      Rf_translateCharUTF8(STRING_ELT(except, 0)), &proxy, &err) != P2P_OK)
    p2p_ffi_raise(&err);
  struct p2p_loop *loop = p2p_ffi_loop();
  p2p_loop_set_proxy(loop, &proxy);
  p2p_wipe(&proxy, sizeof proxy); /* it may contain a password */
  return R_NilValue;
}
