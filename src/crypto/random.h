/* Random bytes from libsodium's CSPRNG, never from R's generator. */
#ifndef P2P_CRYPTO_RANDOM_H
#define P2P_CRYPTO_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* Initializes libsodium and libcrypto; call it before anything else of this room (any thread, may
 * be repeated). An exit handler that needs libcrypto, which libssh uses, must be registered after
 * this call: exit() runs it before libcrypto's own. P2P_OK or P2P_ERR_CRYPTO. */
int p2p_crypto_init(void);
void p2p_random_bytes(void *out, size_t length);
uint32_t p2p_random_below(uint32_t bound); /* uniform in [0, bound) */
/* Constant-time comparison. 1 when equal. */
int p2p_equal(const void *a, const void *b, size_t length);

#endif
