/* How to log in on a board: ssh_args, ssh_config and the key files, put together. */
#ifndef P2P_BOARD_SSH_SETTINGS_H
#define P2P_BOARD_SSH_SETTINGS_H

#include <libssh/libssh.h>
#include <stdbool.h>
#include <stdint.h>

#include "board/address.h"
#include "board/ssh_known_hosts.h"
#include "board/ssh_login.h"

struct p2p_ssh_settings {
  bool needs_program; /* libssh cannot do what they ask for: then only `host` is set */
  char host[256];     /* after ssh_config */
  uint16_t port;
  ssh_session session; /* configured; owned, NULL when it was taken */
  struct p2p_ssh_login login;
  struct p2p_known_hosts *known;              /* the host's keys; owned, NULL when it was taken */
  char known_hosts[P2P_KNOWN_HOSTS_FILE_MAX]; /* the file where an entry would be added */
};

void p2p_ssh_settings_init(struct p2p_ssh_settings *settings);
/* Fills `out`; _clear it also after an error. P2P_ERR_INVALID for a bad ssh_config, P2P_ERR_MEMORY.
 * Reads files, and runs the commands of `Match exec` in the system's ssh_config: not on the io
 * thread. */
int p2p_ssh_settings_read(const struct p2p_address *address, struct p2p_ssh_settings *out,
                          struct p2p_err *err) P2P_MUST_USE;
void p2p_ssh_settings_clear(struct p2p_ssh_settings *settings);

#endif
