/* The io thread of this R process: started by the first who needs it, forgotten by a fork. */
#include "r/ffi.h"

#include <unistd.h>

#include "base/buf.h"
#include "crypto/random.h"
#include "net/proxy.h"

static struct p2p_loop *the_loop;
static pid_t the_owner;

struct p2p_loop *p2p_ffi_loop(void) {
  if (the_loop != NULL && the_owner != getpid()) {
    p2p_loop_disown(the_loop);
    the_loop = NULL;
  }
  if (the_loop == NULL) {
    struct p2p_err err = {0};
    if (p2p_crypto_init() != P2P_OK) {
      p2p_err_set(&err, P2P_ERR_CRYPTO,
                  "libsodium cannot be initialized: no source of random bytes.");
      p2p_ffi_raise(&err);
    }
    if (p2p_loop_start(&the_loop, &err) != P2P_OK) p2p_ffi_raise(&err);
    the_owner = getpid();
  }
  return the_loop;
}

void p2p_ffi_loop_stop(void) {
  if (the_loop != NULL && the_owner == getpid()) p2p_loop_stop(the_loop);
  the_loop = NULL;
}

/* Before a command line's process ends: what is on its way to the network gets there. */
SEXP ffi_loop_stop(void) {
  p2p_ffi_loop_stop();
  return R_NilValue;
}

/* The proxy's url ("": none) and who is excepted, as the environment has them. */
SEXP ffi_loop_set_proxy(SEXP url, SEXP except) {
  struct p2p_proxy proxy;
  struct p2p_err err = {0};
  if (p2p_proxy_parse(Rf_translateCharUTF8(STRING_ELT(url, 0)),
                      Rf_translateCharUTF8(STRING_ELT(except, 0)), &proxy, &err) != P2P_OK)
    p2p_ffi_raise(&err);
  struct p2p_loop *loop = p2p_ffi_loop();
  p2p_loop_set_proxy(loop, &proxy);
  p2p_wipe(&proxy, sizeof proxy); /* the password */
  return R_NilValue;
}
