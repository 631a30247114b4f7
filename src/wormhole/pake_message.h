/* The first message of each side in a mailbox, {"pake_v1": "<hexadecimal>"}: its SPAKE2 element.
 * Pure. */
#ifndef P2P_WORMHOLE_PAKE_MESSAGE_H
#define P2P_WORMHOLE_PAKE_MESSAGE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "crypto/spake2.h"

#define P2P_PAKE_MESSAGE_MAX 128 /* bytes of the text, with the NUL */

void p2p_pake_message_format(const uint8_t element[P2P_SPAKE2_MESSAGE_LEN],
                             char out[P2P_PAKE_MESSAGE_MAX]);
/* P2P_ERR_PROTOCOL. Whether the element is a valid point is for p2p_spake2_finish to check. */
int p2p_pake_message_parse(const char *text, size_t length, uint8_t out[P2P_SPAKE2_MESSAGE_LEN],
                           struct p2p_err *err) P2P_MUST_USE;

#endif
