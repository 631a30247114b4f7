/* Versions of libuv and wslay. Any thread. */
#ifndef P2P_NET_NET_LIBRARY_H
#define P2P_NET_NET_LIBRARY_H

#include "base/library.h"

#define P2P_NET_LIBRARIES 2

void p2p_net_library_versions(struct p2p_library out[static P2P_NET_LIBRARIES]);

#endif
