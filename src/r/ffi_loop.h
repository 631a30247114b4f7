/* The io thread of this R process. Everything here runs on R's main thread. */
#ifndef P2P_R_FFI_LOOP_H
#define P2P_R_FFI_LOOP_H

#include "net/loop.h"

/* The io thread. The first call starts it, and arranges that it is stopped when R ends. Raises an R
 * error if it cannot be started. */
struct p2p_loop *p2p_ffi_loop(void);
/* Frees the values of all handles, then stops and joins the io thread. In a fork of the process
 * that started it, abandons both. A later call of p2p_ffi_loop() starts a new thread. */
void p2p_ffi_loop_stop(void);

#endif
