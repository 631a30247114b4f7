/* Parts of tasks, for the ffi. */
#ifndef P2P_R_FFI_PARTS_H
#define P2P_R_FFI_PARTS_H

#define P2P_TAG_PART "part"

#endif
