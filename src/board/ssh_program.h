/* The transport of an SSH connection by OpenSSH's program `ssh`. io thread only. */
#ifndef P2P_BOARD_SSH_PROGRAM_H
#define P2P_BOARD_SSH_PROGRAM_H

#include "board/ssh_transport.h"

/* Calls on_ready at once, from the loop: there is nothing to connect before the first command.
 * `host` is the host name for messages. P2P_ERR_MEMORY. */
int p2p_ssh_program_connect(const struct p2p_ssh_request *request, const char *host,
                            const struct p2p_ssh_callbacks *callbacks, void *arg,
                            struct p2p_ssh_transport **out, struct p2p_err *err) P2P_MUST_USE;

/* The error for an `ssh` that failed (exit status 255), from what it wrote on stderr. Returns
 * P2P_ERR_HOST_KEY, P2P_ERR_AUTH or P2P_ERR_NETWORK. Pure. */
int p2p_ssh_program_explain(const char *output, const char *host, struct p2p_err *err);

#endif
