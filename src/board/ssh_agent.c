/* The connection to the SSH agent. */
#include "board/ssh_agent.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "board/ssh_file.h"
#include "net/unix_socket.h"

void p2p_ssh_agent_init(struct p2p_ssh_agent *agent, const char *identity_agent) {
  char expanded[1600] = "";
  const char *path = identity_agent;
  agent->path[0] = '\0';
  agent->fd = -1;
  if (path == NULL || strcmp(path, "SSH_AUTH_SOCK") == 0) path = getenv("SSH_AUTH_SOCK");
  if (path == NULL || strcasecmp(path, "none") == 0) return;
  p2p_ssh_file_expand(path, expanded, sizeof expanded);
  size_t length = strlen(expanded);
  if (length < sizeof agent->path) memcpy(agent->path, expanded, length + 1);
}

/* A connection without waiting: an agent whose queue of connections is full does not answer. */
static int connect_to(const char *path) {
  int fd = p2p_unix_socket_connect(path);
  if (fd < 0 || fcntl(fd, F_SETFL, 0) == 0) return fd;
  close(fd);
  return -1;
}

bool p2p_ssh_agent_connect(struct p2p_ssh_agent *agent, ssh_session session) {
  if (agent->path[0] == '\0') return false;
  int fd = connect_to(agent->path);
  if (fd < 0) return false;
  agent->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
  if (agent->fd >= 0 && ssh_set_agent_socket(session, fd) == SSH_OK) return true;
  p2p_ssh_agent_close(agent);
  close(fd);
  return false;
}

void p2p_ssh_agent_interrupt(const struct p2p_ssh_agent *agent) {
  if (agent->fd >= 0) (void)shutdown(agent->fd, SHUT_RDWR); /* fails when the agent has ended it */
}

void p2p_ssh_agent_close(struct p2p_ssh_agent *agent) {
  if (agent->fd >= 0) close(agent->fd);
  agent->fd = -1;
}
