/* Recorders that R has made, for others that count with them. */
#ifndef P2P_R_FFI_LEDGER_H
#define P2P_R_FFI_LEDGER_H

#include "ledger/recorder.h"
#include "r/ffi.h"

/* The recorder of the handle config$recorder; NULL: there is none. Borrowed. */
struct p2p_recorder *p2p_ffi_recorder(SEXP config);

#endif
