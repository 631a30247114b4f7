/* Byte code in a serialized R object: instructions, and constants in which cells of calls and
 * pairlists may occur more than once. Pure. */
#ifndef P2P_PROTOCOL_R_BYTECODE_H
#define P2P_PROTOCOL_R_BYTECODE_H

#include "protocol/r_stream.h"

/* The step for byte code whose flags were read: no cell contains itself, and no reference is to a
 * cell that is not defined. The instructions are not checked. */
p2p_r_step p2p_r_bytecode_step;

#endif
