/* Versions of libsodium and libcrypto. Any thread. */
#ifndef P2P_CRYPTO_CRYPTO_LIBRARY_H
#define P2P_CRYPTO_CRYPTO_LIBRARY_H

#include "base/library.h"

#define P2P_CRYPTO_LIBRARIES 2

void p2p_crypto_library_versions(struct p2p_library out[static P2P_CRYPTO_LIBRARIES]);

#endif
