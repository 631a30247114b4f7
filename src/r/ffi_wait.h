/* Waiting on R's main thread. */
#ifndef P2P_R_FFI_WAIT_H
#define P2P_R_FFI_WAIT_H

#include "r/ffi.h"

/* Waits until `fd` is readable, timeout_ms have passed, or a signal arrives. A user interrupt
 * raises R's condition, by a long jump: the caller must not hold C resources. It returns at a
 * SIGTERM or SIGHUP that is caught (ffi_terminate_catch). */
void p2p_ffi_wait(int fd, int timeout_ms);
void p2p_ffi_wait_for_any(const int fds[2], int timeout_ms); /* until one of the two is readable */

#endif
