/* Where a board's mailbox and relay are: its answer to `services`, else the public Magic Wormhole
 * ones. Pure. */
#ifndef P2P_BOARD_SERVICES_H
#define P2P_BOARD_SERVICES_H

#include <stddef.h>

struct p2p_services {
  char mailbox[600];
  char relay[600];
};

/* Lines `mailbox=ws://HOST:4000/v1` and `relay=tcp:HOST:4001`, where a HOST written as `*` is the
 * host that we are connected to. A line that is missing or of another form (the help text of a
 * board that does not know the command) is the default. */
void p2p_services_parse(const char *text, size_t length, const char *host,
                        struct p2p_services *out);

#endif
