/* R's headers, for all ffi_*.c files, whose functions run on R's main thread. */
#ifndef P2P_R_FFI_H
#define P2P_R_FFI_H

#ifndef R_NO_REMAP
#define R_NO_REMAP
#endif
#include <Rinternals.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#endif
