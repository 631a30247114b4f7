/* The roles of members of a cluster. */
#ifndef P2P_PROTOCOL_ROLE_H
#define P2P_PROTOCOL_ROLE_H

#include <stdbool.h>

enum p2p_role { P2P_ROLE_CLIENT, P2P_ROLE_WORKER, P2P_ROLE_HOST };

/* As in lines on the board: "client", "worker" or "cluster". */
const char *p2p_role_text(enum p2p_role role);
/* Reads such a text. False for any other text, and for NULL; *out is unchanged then. */
bool p2p_role_parse(const char *text, enum p2p_role *out);
/* For people: "client", "worker" or "host". */
const char *p2p_role_name(enum p2p_role role);

#endif
