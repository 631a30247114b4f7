/* The attributes of an object in a serialized R object. R's own C code trusts some of them: it
 * reads and writes where `dim` says, takes names for strings, and uses the numbers of a factor as
 * indices. Pure. */
#ifndef P2P_PROTOCOL_R_ATTRIBUTES_H
#define P2P_PROTOCOL_R_ATTRIBUTES_H

#include "protocol/r_stream.h"

/* Opens the attributes of `subject`: a vector, whose length is known, or another object, of which
 * only the type is used. At their end they set stream->classes, and stream->last to the subject.
 * Frames may move. */
int p2p_r_attributes_open(struct p2p_r_stream *stream,
                          const struct p2p_r_vector *subject) P2P_MUST_USE;

/* Completes the last frame, an item that was read but for its attributes, if it has any. A vector
 * is stream->last. */
int p2p_r_item_end(struct p2p_r_stream *stream, struct p2p_r_frame *frame) P2P_MUST_USE;

#endif
