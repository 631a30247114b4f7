/* The board's host key, compared with known_hosts. */
#ifndef P2P_BOARD_SSH_HOST_KEY_H
#define P2P_BOARD_SSH_HOST_KEY_H

#include <libssh/libssh.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define P2P_KNOWN_HOSTS_ENTRY_MAX 960 /* of an RSA key with 4096 bits and a long host name */

/* P2P_OK when known_hosts has the host key that the server of this session has just shown. Else
 * P2P_ERR_HOST_KEY; for an unknown key the message has its fingerprint and its known_hosts entry.
 * Reads files: not on the io thread. */
int p2p_ssh_host_key_check(ssh_session session, const char *host, uint16_t port,
                           struct p2p_err *err) P2P_MUST_USE;

/* The line of known_hosts for a key: "host type base64", or "[host]:port type base64" for ports
 * other than 22. P2P_ERR_TOO_LARGE. Pure. */
int p2p_known_hosts_entry(const char *host, uint16_t port, const char *type, const char *base64,
                          char out[static P2P_KNOWN_HOSTS_ENTRY_MAX]) P2P_MUST_USE;

#endif
