/* The handle of an events queue, which programs borrow. Keep the queue's handle as long as the program's. */
#ifndef P2P_R_FFI_EVENTS_H
#define P2P_R_FFI_EVENTS_H

#include "base/events.h"
#include "r/ffi.h"

#define P2P_TAG_EVENTS "events"

#endif
