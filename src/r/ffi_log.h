/* Handles of log queues and of what writes to them. */
#ifndef P2P_R_FFI_LOG_H
#define P2P_R_FFI_LOG_H

#include "base/log_queue.h"
#include "r/ffi.h"

#define P2P_TAG_LOG "log"

/* A handle of a value that writes to the queue of the handle `log`. It holds a reference to the
 * queue until its value is freed, so that the two finalizers may run in any order. */
SEXP p2p_ffi_handle_with_log(const char *tag, void (*free)(void *value), SEXP log);

#endif
