/* The public servers, used unless others are configured: the message board of pico.sh, and the
 * mailbox and the transit relay of Magic Wormhole. */
#ifndef P2P_PROTOCOL_PUBLIC_SERVICES_H
#define P2P_PROTOCOL_PUBLIC_SERVICES_H

#define P2P_PUBLIC_BOARD "pipe.pico.sh"
#define P2P_PUBLIC_BOARD_ACCOUNTS "pico.sh" /* knows the accounts of the public board */
#define P2P_PUBLIC_MAILBOX "ws://relay.magic-wormhole.io:4000/v1"
#define P2P_PUBLIC_RELAY "tcp:transit.magic-wormhole.io:4001"

#endif
