/* A harness is one function over bytes; libFuzzer makes them up. */
#ifndef P2P_FUZZ_FUZZ_H
#define P2P_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

#endif
