/* The public Magic Wormhole servers: the mailbox and the transit relay that everybody uses who runs
 * none of their own. */
#ifndef P2P_PROTOCOL_PUBLIC_SERVICES_H
#define P2P_PROTOCOL_PUBLIC_SERVICES_H

#define P2P_PUBLIC_MAILBOX "ws://relay.magic-wormhole.io:4000/v1"
#define P2P_PUBLIC_RELAY "tcp:transit.magic-wormhole.io:4001"

#endif
