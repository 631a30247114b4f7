/* What counts as data in a serialized R object: vectors and lists, compact or not, whose attributes
 * are data, too. Nothing in it can be called, evaluated or forced, and R loads no package for it.
 * Pure. */
#ifndef P2P_PROTOCOL_R_DATA_H
#define P2P_PROTOCOL_R_DATA_H

/* What an item of this type is, such as "a function". NULL if it is data. */
const char *p2p_r_not_data(int type);

#endif
