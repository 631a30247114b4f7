/* Unix sockets of this process as a client. Any thread. */
#ifndef P2P_NET_UNIX_SOCKET_H
#define P2P_NET_UNIX_SOCKET_H

#include <sys/socket.h>

/* What each send() needs in order to raise no SIGPIPE. Where the system does not have it, as older
 * versions of macOS, p2p_unix_socket_no_sigpipe() has the same effect. */
#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0
#endif

/* Writing to this socket raises no SIGPIPE; where the system has no such option, as Linux, nothing
 * happens. */
void p2p_unix_socket_no_sigpipe(int fd);
/* Connects to the socket at `path` without waiting, also where the other process does not accept.
 * Returns a descriptor of the caller's, close-on-exec and non-blocking, or -1 and errno. */
int p2p_unix_socket_connect(const char *path);

#endif
