/* The connection to the SSH agent. libssh waits for the agent without a bound: it gets a descriptor
 * from here, so that the wait can be ended from another thread. */
#ifndef P2P_BOARD_SSH_AGENT_H
#define P2P_BOARD_SSH_AGENT_H

#include <libssh/libssh.h>
#include <stdbool.h>
#include <stddef.h>

#define P2P_SSH_AGENT_PATH_MAX 108 /* of a socket's name */

struct p2p_ssh_agent {
  char path[P2P_SSH_AGENT_PATH_MAX]; /* "": there is no agent */
  int fd;                            /* a second descriptor of its connection; -1: none */
};

/* `identity_agent`: the value of IdentityAgent in ssh_config, NULL where it is not set. Else
 * SSH_AUTH_SOCK counts. A name that is too long for a socket is no agent. Pure but for the
 * environment. */
void p2p_ssh_agent_init(struct p2p_ssh_agent *agent, const char *identity_agent);
/* Connects to the agent and gives the connection to the session. False: no agent is running. Does
 * not wait for the agent, but looks up its file: not on the io thread. */
bool p2p_ssh_agent_connect(struct p2p_ssh_agent *agent, ssh_session session);
/* Ends the connection: a thread that waits for the agent goes on with an error. Any thread, after
 * _connect has returned. */
void p2p_ssh_agent_interrupt(const struct p2p_ssh_agent *agent);
void p2p_ssh_agent_close(struct p2p_ssh_agent *agent);

#endif
