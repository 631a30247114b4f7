/* The ciphers for records that a HELLO names, the preferred one first:
 * "aes256gcm;chacha20poly1305". Pure. Grammar: docs/protocol.md, "HELLO". */
#ifndef P2P_PROTOCOL_CIPHER_LIST_H
#define P2P_PROTOCOL_CIPHER_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "crypto/cipher.h"

#define P2P_CIPHER_LIST_MAX 256 /* bytes of a list, with its NUL */

/* The name in messages; for P2P_CIPHER_NONE one that only logs have: "secretbox". */
const char *p2p_cipher_list_name(enum p2p_cipher_kind kind);

/* "" for none. */
void p2p_cipher_list_write(const struct p2p_cipher_list *list, char out[P2P_CIPHER_LIST_MAX]);
/* Unknown names are passed over. False for text that is not a list of names, [a-z0-9]{1,31};
 * *out is set only on true. */
bool p2p_cipher_list_read(const char *text, struct p2p_cipher_list *out) P2P_MUST_USE;

/* What a link uses: the first cipher of the worker's list that the client names, too. */
enum p2p_cipher_kind p2p_cipher_list_choose(const struct p2p_cipher_list *worker,
                                            const struct p2p_cipher_list *client);

#endif
