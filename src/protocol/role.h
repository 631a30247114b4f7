/* The roles of members of a cluster. */
#ifndef P2P_PROTOCOL_ROLE_H
#define P2P_PROTOCOL_ROLE_H

enum p2p_role { P2P_ROLE_CLIENT, P2P_ROLE_WORKER, P2P_ROLE_HOST };

#endif
