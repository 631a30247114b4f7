/* Compact vectors (ALTREP) in a serialized R object: sequences, deferred strings and wrappers, the
 * classes of R itself. Others are refused, such as vectors that map a file. Pure. */
#ifndef P2P_PROTOCOL_R_COMPACT_H
#define P2P_PROTOCOL_R_COMPACT_H

#include "protocol/r_stream.h"
#include "protocol/r_types.h"

/* P2P_R_NAME_OF_... for the name of a class of compact vectors, otherwise P2P_R_SYMBOL. */
int p2p_r_compact_symbol_type(const char *name);

/* Reads a compact vector, after its flags. P2P_R_ALTREP or a negative code. */
int p2p_r_compact_check(struct p2p_r_stream *stream,
                        const struct p2p_r_reader *reader) P2P_MUST_USE;

#endif
