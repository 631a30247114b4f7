/* The handle of an events queue, which programs borrow. A program's handle keeps its queue's handle
 * (R_SetExternalPtrProtected), and is made after it: where both go at once, R runs the finalizer of
 * the newer one first. */
#ifndef P2P_R_FFI_LOG_H
#define P2P_R_FFI_LOG_H

#include "base/log_queue.h"
#include "r/ffi.h"

#define P2P_TAG_LOG "events"

#endif
