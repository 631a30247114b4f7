/* The types that the SSH connection (ssh.h) shares with its two transports: libssh within this
 * process (ssh_session.c), and OpenSSH's program (ssh_program.c) for what libssh cannot do. */
#ifndef P2P_BOARD_SSH_TRANSPORT_H
#define P2P_BOARD_SSH_TRANSPORT_H

#include <stddef.h>
#include <stdint.h>

#include "board/address.h"
#include "net/loop.h"

struct p2p_ssh_callbacks {
  void (*on_ready)(void *arg); /* authenticated: commands can run */
  /* The connection ended or could not be made: P2P_ERR_HOST_KEY, _AUTH, _NETWORK, _TIMEOUT,
   * _CLOSED, _INVALID (ssh_config). The last callback. */
  void (*on_close)(void *arg, const struct p2p_err *err);
};

struct p2p_ssh_command_callbacks {
  void (*on_start)(void *arg); /* the server accepted the request */
  void (*on_output)(void *arg, const char *bytes, size_t length); /* stdout */
  /* exit_status is -1 when the server sent none. The last callback. When the connection ends,
   * only its on_close is called. */
  void (*on_end)(void *arg, int exit_status);
};

struct p2p_ssh_request {
  struct p2p_loop *loop;
  const struct p2p_address *address; /* copied */
  uint32_t timeout_ms;               /* until on_ready */
};

struct p2p_ssh_transport; /* a connection */
struct p2p_ssh_command;   /* a command on it */

struct p2p_ssh_operations {
  void (*free)(struct p2p_ssh_transport *transport);
  void (*set_silence)(struct p2p_ssh_transport *transport, uint32_t silent_ms);
  int (*run)(struct p2p_ssh_transport *transport, const char *command,
             const struct p2p_ssh_command_callbacks *callbacks, void *arg,
             struct p2p_ssh_command **out, struct p2p_err *err);
  int (*write)(struct p2p_ssh_command *command, const void *bytes, size_t length);
  void (*free_command)(struct p2p_ssh_command *command);
};

/* The first member of every transport's connection and command. */
struct p2p_ssh_transport {
  const struct p2p_ssh_operations *operations;
};
struct p2p_ssh_command {
  const struct p2p_ssh_operations *operations;
};

#endif
