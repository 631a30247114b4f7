/* Byte code in a serialized R object: instructions, and constants in which cells of calls and
 * pairlists may occur more than once. Pure. */
#ifndef P2P_PROTOCOL_R_BYTECODE_H
#define P2P_PROTOCOL_R_BYTECODE_H

#include "protocol/r_stream.h"
#include "protocol/r_types.h"

/* Reads byte code, after its flags. P2P_R_BYTECODE: no cell contains itself, and no reference is to
 * a cell that is not defined; otherwise a negative code. The instructions are not checked. */
int p2p_r_bytecode_check(struct p2p_r_stream *stream,
                         const struct p2p_r_reader *reader) P2P_MUST_USE;

#endif
