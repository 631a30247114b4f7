/* What a side of a file transfer says through the wormhole. io thread only. */
#ifndef P2P_TRANSFER_MESSAGES_H
#define P2P_TRANSFER_MESSAGES_H

#include "transfer/negotiation.h"
#include "wormhole/wormhole.h"

/* The sender's offer, or the receiver's answer to one; for a file also `ours`, where we can be
 * reached (NULL for a text). */
int p2p_transfer_message_send(struct p2p_wormhole *wormhole,
                              const struct p2p_negotiation *negotiation,
                              const struct p2p_hints *ours, struct p2p_err *err) P2P_MUST_USE;
/* That we give up, and in few words why; nobody hears it who is not there. */
void p2p_transfer_message_give_up(struct p2p_wormhole *wormhole, int code);

#endif
