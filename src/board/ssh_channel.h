/* The commands of an authenticated libssh session: one channel each, without pty, environment or
 * agent forwarding. io thread only. */
#ifndef P2P_BOARD_SSH_CHANNEL_H
#define P2P_BOARD_SSH_CHANNEL_H

#include <libssh/libssh.h>
#include <stdbool.h>
#include <stddef.h>

#include "board/ssh_transport.h"

/* The channels of one session. The owner sets `loop`, `session`, `operations` and the callback. */
struct p2p_ssh_channels {
  struct p2p_loop *loop;
  ssh_session session; /* borrowed; NULL: not authenticated, or closed */
  const struct p2p_ssh_operations *operations;
  struct p2p_ssh_channel *first;
  /* There may be something to do that the socket's readiness does not show: step soon. Never called
   * after `session` was set to NULL. */
  void (*on_activity)(void *arg);
  void *arg;
};

/* One step of every command: their callbacks are called from here alone, and may free commands or
 * the session. True when one of them made progress or a callback was called: then step again. */
bool p2p_ssh_channels_step(struct p2p_ssh_channels *channels);
/* Frees all commands. */
void p2p_ssh_channels_clear(struct p2p_ssh_channels *channels);

/* As the operations of the same names (ssh_transport.h). */
int p2p_ssh_channel_run(struct p2p_ssh_channels *channels, const char *command,
                        const struct p2p_ssh_command_callbacks *callbacks, void *arg,
                        struct p2p_ssh_command **out, struct p2p_err *err) P2P_MUST_USE;
int p2p_ssh_channel_write(struct p2p_ssh_command *command, const void *bytes, size_t length);
void p2p_ssh_channel_free(struct p2p_ssh_command *command);

#endif
