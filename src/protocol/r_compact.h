/* Compact vectors (ALTREP) in a serialized R object: sequences, deferred strings and wrappers, the
 * classes of R itself. Others are refused, such as vectors that map a file. Pure. */
#ifndef P2P_PROTOCOL_R_COMPACT_H
#define P2P_PROTOCOL_R_COMPACT_H

#include "protocol/r_stream.h"

/* The step for a compact vector whose flags were read. Sets stream->last to its type and length. */
p2p_r_step p2p_r_compact_step;

#endif
