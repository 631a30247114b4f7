/* The public half of an SSH key, as known_hosts and users files have it in base64. Pure. */
#ifndef P2P_PROTOCOL_PUBLIC_KEY_H
#define P2P_PROTOCOL_PUBLIC_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/span.h"

/* Whether `blob` (RFC 4253, section 6.6) is a row of strings, each with its length, of which the
 * first is the type and the last is complete: in a key that was cut when it was copied, it is not.
 */
bool p2p_public_key_is_whole(const uint8_t *blob, size_t length, struct p2p_span type);

#endif
