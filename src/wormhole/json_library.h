/* The version of jansson. Any thread. */
#ifndef P2P_WORMHOLE_JSON_LIBRARY_H
#define P2P_WORMHOLE_JSON_LIBRARY_H

#include "base/library.h"

void p2p_json_library_version(struct p2p_library *out);

#endif
