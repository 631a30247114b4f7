/* Vectors without pointers in a serialized R object, and strings. For r_object.c. Pure. */
#ifndef P2P_PROTOCOL_R_VECTORS_H
#define P2P_PROTOCOL_R_VECTORS_H

#include "protocol/r_stream.h"

/* All read what follows the flags, up to the attributes, and return the type or a negative code.
 * Those of vectors set stream->last. */

int p2p_r_string_check(struct p2p_r_stream *stream) P2P_MUST_USE;
int p2p_r_strings_check(struct p2p_r_stream *stream) P2P_MUST_USE;
/* Elements of `size` bytes, of any value. */
int p2p_r_numbers_check(struct p2p_r_stream *stream, int type, uint64_t size) P2P_MUST_USE;
/* Each is TRUE, FALSE or NA: R uses them as indices. */
int p2p_r_logicals_check(struct p2p_r_stream *stream) P2P_MUST_USE;

/* Reads the next elements of a list as long as they are plain, that is numbers or one string,
 * without attributes, and in the current chunk; at most *n, from which it subtracts them. P2P_OK or
 * a negative code. It saves time: other functions could read the same. */
int p2p_r_plain_elements_check(struct p2p_r_stream *stream, uint64_t *n) P2P_MUST_USE;

#endif
