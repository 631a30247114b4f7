/* Secrets as text: base64url (RFC 4648, section 5) without padding, by libsodium, whose time does
 * not depend on the bytes. For what is public, see base/encode.h. Any thread. */
#ifndef P2P_CRYPTO_SECRET_TEXT_H
#define P2P_CRYPTO_SECRET_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define P2P_SECRET_TEXT_MAX 44 /* of 32 bytes: 43 characters and a NUL */

void p2p_secret_text_write(const uint8_t bytes[32], char out[P2P_SECRET_TEXT_MAX]);
/* False unless `text` is what p2p_secret_text_write writes; `out` is then wiped. */
bool p2p_secret_text_read(const char *text, size_t length, uint8_t out[32]);

#endif
