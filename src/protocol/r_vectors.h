/* Vectors without pointers in a serialized R object, and strings. For r_object.c. Pure. */
#ifndef P2P_PROTOCOL_R_VECTORS_H
#define P2P_PROTOCOL_R_VECTORS_H

#include "protocol/r_stream.h"

/* Steps for an item whose flags were read. Those of vectors set stream->last. */
p2p_r_step p2p_r_string_step;
p2p_r_step p2p_r_strings_step;
/* Numbers, of any value but for logicals: each is TRUE, FALSE or NA, since R uses them as indices.
 */
p2p_r_step p2p_r_numbers_step;

/* Reads the next elements of a list as long as they are plain, that is numbers or one string,
 * without attributes, and in the current piece; at most *n, from which it subtracts them. P2P_OK or
 * a negative code. It saves time: the steps of items could read the same. */
int p2p_r_plain_elements_check(struct p2p_r_stream *stream, uint64_t *n) P2P_MUST_USE;

#endif
