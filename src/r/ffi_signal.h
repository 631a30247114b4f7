/* Waiting on R's main thread. */
#ifndef P2P_R_FFI_SIGNAL_H
#define P2P_R_FFI_SIGNAL_H

#include "r/ffi.h"

/* Waits until fd is readable, timeout_ms have passed, or a signal has come. An interrupt of R's
 * jumps out of it; at a SIGTERM that is caught (ffi_terminate_catch) it returns. Hold no C
 * resource. */
void p2p_ffi_wait(int fd, int timeout_ms);
void p2p_ffi_wait_for_any(const int fds[2], int timeout_ms); /* one of them */

#endif
