/* Tags of the handles of clients and tasks. */
#ifndef P2P_R_FFI_CLIENT_H
#define P2P_R_FFI_CLIENT_H

#include "client/client.h"
#include "r/ffi.h"

#define P2P_TAG_CLIENT "client"
#define P2P_TAG_TASK "task"

#endif
