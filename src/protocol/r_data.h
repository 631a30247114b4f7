/* What counts as data in a serialized R object: vectors and lists, compact or not, whose attributes
 * are data, too. Nothing in it can be called, evaluated or forced, and R loads no package for it.
 * Pure. */
#ifndef P2P_PROTOCOL_R_DATA_H
#define P2P_PROTOCOL_R_DATA_H

#include "protocol/r_stream.h"

/* Whether an item of these flags is data, with the attributes that follow left aside.
 * P2P_ERR_INVALID ("not_data") says what it is, such as "a function". */
int p2p_r_data_check(struct p2p_r_stream *stream, uint32_t flags) P2P_MUST_USE;

#endif
