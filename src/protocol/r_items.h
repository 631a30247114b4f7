/* The items of a serialized R object, of any type. For r_object.c. Pure. */
#ifndef P2P_PROTOCOL_R_ITEMS_H
#define P2P_PROTOCOL_R_ITEMS_H

#include "protocol/r_stream.h"

/* The step of an item, from its flags on: that of frames which p2p_r_stream_open() adds. */
p2p_r_step p2p_r_item_step;
/* Chooses the further steps of the last frame, an item of which these flags were read. */
int p2p_r_item_begin(struct p2p_r_stream *stream, struct p2p_r_frame *frame,
                     uint32_t flags) P2P_MUST_USE;

#endif
