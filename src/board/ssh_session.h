/* The transport of an SSH connection by libssh, within this process. io thread only. */
#ifndef P2P_BOARD_SSH_SESSION_H
#define P2P_BOARD_SSH_SESSION_H

#include "board/ssh_settings.h"
#include "board/ssh_transport.h"

/* Connects to the host of `settings`, which are taken over, also after an error. A failure to
 * connect is reported by on_close, never from within this call. */
int p2p_ssh_session_connect(const struct p2p_ssh_request *request,
                            struct p2p_ssh_settings *settings,
                            const struct p2p_ssh_callbacks *callbacks, void *arg,
                            struct p2p_ssh_transport **out, struct p2p_err *err) P2P_MUST_USE;

#endif
