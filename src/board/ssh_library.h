/* The version of libssh. Any thread. */
#ifndef P2P_BOARD_SSH_LIBRARY_H
#define P2P_BOARD_SSH_LIBRARY_H

#include "base/library.h"

void p2p_ssh_library_version(struct p2p_library *out);

#endif
