/* What a side of a file transfer says through the wormhole. io thread only. */
#ifndef P2P_WORMHOLE_SPEECH_H
#define P2P_WORMHOLE_SPEECH_H

#include "wormhole/bargain.h"
#include "wormhole/wormhole.h"

/* The sender's offer, or the receiver's answer to one; for a file also `ours`, where we can be reached (NULL for a text). */
int p2p_speech_say(struct p2p_wormhole *wormhole, const struct p2p_bargain *bargain, const struct p2p_hints *ours,
                   struct p2p_err *err) P2P_MUST_USE;
/* That we give up, and in few words why; nobody hears it who is not there. */
void p2p_speech_give_up(struct p2p_wormhole *wormhole, int code);

#endif
