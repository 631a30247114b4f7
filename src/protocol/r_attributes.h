/* The attributes of an object in a serialized R object. R's own C code trusts some of them: it
 * reads and writes where `dim` says, takes names for strings, and uses the numbers of a factor as
 * indices. Pure. */
#ifndef P2P_PROTOCOL_R_ATTRIBUTES_H
#define P2P_PROTOCOL_R_ATTRIBUTES_H

#include "protocol/r_stream.h"
#include "protocol/r_types.h"

/* Reads the attributes of `subject`: a vector, whose length is known, or another object, of which
 * only the type is used. Sets stream->class, and stream->last to the subject. P2P_OK or a negative
 * code. */
int p2p_r_attributes_check(struct p2p_r_stream *stream, const struct p2p_r_reader *reader,
                           const struct p2p_r_vector *subject) P2P_MUST_USE;

#endif
