/* Compact vectors (ALTREP) in a serialized R object: sequences, deferred strings and wrappers, the
 * classes of R itself. Others are refused, such as vectors that map a file. Pure. */
#ifndef P2P_PROTOCOL_R_COMPACT_H
#define P2P_PROTOCOL_R_COMPACT_H

#include "protocol/r_stream.h"
#include "protocol/r_types.h"

/* Reads a compact vector, after its flags, up to its attributes, and sets in->last to its type and
 * length. P2P_R_ALTREP or a negative code. */
int p2p_r_compact_check(struct p2p_r_stream *stream,
                        const struct p2p_r_reader *reader) P2P_MUST_USE;

#endif
