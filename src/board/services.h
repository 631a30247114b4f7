/* The mailbox and the relay that a board names in the output of `services`, else the public ones.
 * Pure. */
#ifndef P2P_BOARD_SERVICES_H
#define P2P_BOARD_SERVICES_H

#include <stddef.h>

struct p2p_services {
  char mailbox[600];
  char relay[600];
};

/* Reads the lines `mailbox=ws://HOST:4000/v1` and `relay=tcp:HOST:4001`. A HOST of `*` is `host`,
 * the one that we are connected to. The public service replaces a line that is missing or has
 * another form, as in the help text of a board that does not know the command. */
void p2p_services_parse(const char *text, size_t length, const char *host,
                        struct p2p_services *out);

#define P2P_CLIENT_ADDRESS_TEXT_MAX 46 /* bytes, with the NUL */

/* The address from which we come as the board sees it, by `client_address=192.0.2.1`, IPv4 or IPv6.
 * "": it does not say so, or not in this form. */
void p2p_services_client_address(const char *text, size_t length,
                                 char out[static P2P_CLIENT_ADDRESS_TEXT_MAX]);

#define P2P_HOST_KEY_TEXT_MAX 4096 /* bytes, with the NUL */

/* The host key that a board names by `host_key=ssh-ed25519 AAAA...`: its type and its base64, as in
 * known_hosts. "": it names none, or not in this form. */
void p2p_services_host_key(const char *text, size_t length, char out[static P2P_HOST_KEY_TEXT_MAX]);

#endif
