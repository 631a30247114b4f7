/* The name that a member of this process has for people: "alice@laptop:1234". */
#ifndef P2P_BOARD_OWN_NAME_H
#define P2P_BOARD_OWN_NAME_H

#include "protocol/member_name.h"

void p2p_own_name(const char *user, char out[P2P_MEMBER_NAME_MAX]);

#endif
