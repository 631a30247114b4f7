/* The board's host key, compared with known_hosts. */
#ifndef P2P_BOARD_SSH_HOST_KEY_H
#define P2P_BOARD_SSH_HOST_KEY_H

#include <libssh/libssh.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "board/known_hosts.h"

#define P2P_KNOWN_HOSTS_ENTRY_MAX 960 /* of an RSA key with 4096 bits and a long host name */

/* What is known of the host, and the file where an entry would be added. */
struct p2p_ssh_host {
  const char *name;
  uint16_t port;
  const struct p2p_known_hosts *known;
  const char *file;
};

/* P2P_OK when the host key that the server of this session has just shown is known. Else
 * P2P_ERR_HOST_KEY: for an unknown key the message has its fingerprint and its known_hosts entry.
 */
int p2p_ssh_host_key_check(ssh_session session, const struct p2p_ssh_host *host,
                           struct p2p_err *err) P2P_MUST_USE;

/* The line of known_hosts for a key: "host type base64", or "[host]:port type base64" for ports
 * other than 22. P2P_ERR_TOO_LARGE. Pure. */
int p2p_known_hosts_entry(const char *host, uint16_t port, const char *type, const char *base64,
                          char out[static P2P_KNOWN_HOSTS_ENTRY_MAX]) P2P_MUST_USE;

#endif
