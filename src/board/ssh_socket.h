/* A libssh session on a connected socket, and what can be learned from it without I/O. */
#ifndef P2P_BOARD_SSH_SOCKET_H
#define P2P_BOARD_SSH_SOCKET_H

#include <libssh/libssh.h>
#include <stddef.h>

#include "base/err.h"

/* libssh has a descriptor of its own for the socket, because it closes it in the middle of a call,
 * while `fd` is still being watched. */
struct p2p_ssh_socket {
  ssh_session session; /* owned; NULL: none */
  int fd;              /* owned, to be watched; -1: none */
  int libssh_fd;       /* closed by libssh when the connection breaks; -1: none */
};

void p2p_ssh_socket_init(struct p2p_ssh_socket *ssh_socket, ssh_session session);
/* Puts the session on `fd`, which the socket owns from now on, also after an error. The session
 * does not block and refuses whatever the server asks for. P2P_ERR_SYSTEM. */
int p2p_ssh_socket_open(struct p2p_ssh_socket *ssh_socket, int fd,
                        struct p2p_err *err) P2P_MUST_USE;
/* Disconnects and frees. Also for a socket that was only initialized. */
void p2p_ssh_socket_close(struct p2p_ssh_socket *ssh_socket);

/* The last error of the session, made safe to show: what the server wrote when it disconnected. ""
 * when there is none. */
void p2p_ssh_socket_error(ssh_session session, char *out, size_t size);

#endif
