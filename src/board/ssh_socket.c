/* A libssh session on a connected socket. */
#include "board/ssh_socket.h"

#include <fcntl.h>
#include <libssh/server.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/sanitize.h"

void p2p_ssh_socket_init(struct p2p_ssh_socket *ssh_socket, ssh_session session) {
  *ssh_socket = (struct p2p_ssh_socket){.session = session, .fd = -1, .libssh_fd = -1};
}

/* Whatever the server asks for (channels, global requests such as ping@pico.sh) is refused, or
 * ignored where it wants no reply. Without this libssh queues the requests forever. */
static int refuse(ssh_session session, ssh_message message, void *arg) {
  (void)session;
  (void)message;
  (void)arg;
  return 1;
}

int p2p_ssh_socket_open(struct p2p_ssh_socket *ssh_socket, int fd, struct p2p_err *err) {
  ssh_socket->fd = fd;
  ssh_socket->libssh_fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
  if (ssh_socket->libssh_fd < 0) return p2p_err_set(err, P2P_ERR_SYSTEM, "out of file descriptors");
  if (ssh_options_set(ssh_socket->session, SSH_OPTIONS_FD, &ssh_socket->libssh_fd) != SSH_OK)
    return p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
  ssh_set_blocking(ssh_socket->session, 0);
  ssh_set_message_callback(ssh_socket->session, refuse, NULL);
  return P2P_OK;
}

/* libssh does not tell whether it has closed its descriptor, and the number may belong to another
 * file by now: it is closed here only if it still is the same socket as ours. */
static void close_descriptors(const struct p2p_ssh_socket *ssh_socket) {
  struct stat ours, theirs;
  if (ssh_socket->fd < 0) return;
  if (ssh_socket->libssh_fd >= 0 && fstat(ssh_socket->fd, &ours) == 0 &&
      fstat(ssh_socket->libssh_fd, &theirs) == 0 && ours.st_dev == theirs.st_dev &&
      ours.st_ino == theirs.st_ino) {
    close(ssh_socket->libssh_fd);
  }
  close(ssh_socket->fd);
}

void p2p_ssh_socket_close(struct p2p_ssh_socket *ssh_socket) {
  if (ssh_socket->session != NULL) {
    ssh_disconnect(ssh_socket->session);
    ssh_free(ssh_socket->session);
  }
  close_descriptors(ssh_socket);
  p2p_ssh_socket_init(ssh_socket, NULL);
}

/* ssh_get_disconnect_message returns the server's text only when it was not the server that
 * disconnected. */
void p2p_ssh_socket_error(ssh_session session, char *out, size_t size) {
  static const char disconnect[] = "Received SSH_MSG_DISCONNECT: ";
  const char *text = ssh_get_error(session);
  if (strncmp(text, disconnect, sizeof disconnect - 1) == 0) {
    text += sizeof disconnect - 1;
    text += strspn(text, "0123456789:"); /* the reason as a number */
  }
  p2p_sanitize(text, strlen(text), out, size);
}
