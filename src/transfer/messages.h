/* Sends the messages of a file transfer through its wormhole. io thread only. */
#ifndef P2P_TRANSFER_MESSAGES_H
#define P2P_TRANSFER_MESSAGES_H

#include "transfer/negotiation.h"
#include "wormhole/wormhole.h"

/* Sends our offer or answer, for a file after our hints (NULL for a text). P2P_ERR_MEMORY,
 * P2P_ERR_CLOSED, P2P_ERR_TOO_LARGE. */
int p2p_messages_send_offer(struct p2p_wormhole *wormhole,
                            const struct p2p_negotiation *negotiation,
                            const struct p2p_hints *hints, struct p2p_err *err) P2P_MUST_USE;
/* Tells the peer that we give up because of `code` (P2P_ERR_*). Best effort: if it fails, the peer
 * sees that we leave. `wormhole` may be NULL. */
void p2p_messages_send_error(struct p2p_wormhole *wormhole, int code);

#endif
