/* The two ways of an SSH connection behind ssh_session.h. For them only. */
#ifndef P2P_BOARD_SSH_TRANSPORT_H
#define P2P_BOARD_SSH_TRANSPORT_H

#include "board/ssh_session.h"

struct p2p_ssh_transport {
  void (*free)(struct p2p_ssh *ssh);
  const char *(*host)(const struct p2p_ssh *ssh);
  void (*set_silence)(struct p2p_ssh *ssh, uint32_t silent_ms);
  int (*run)(struct p2p_ssh *ssh, const char *command,
             const struct p2p_ssh_command_callbacks *callbacks, void *arg,
             struct p2p_ssh_command **out, struct p2p_err *err);
  int (*write)(struct p2p_ssh_command *command, const void *bytes, size_t length);
  void (*free_command)(struct p2p_ssh_command *command);
};

/* What a connection and a command of either way begin with. */
struct p2p_ssh {
  const struct p2p_ssh_transport *transport;
};
struct p2p_ssh_command {
  const struct p2p_ssh_transport *transport;
};

struct p2p_ssh_request {
  struct p2p_loop *loop;
  const struct p2p_address *address;
  uint32_t timeout_ms;
  const struct p2p_ssh_callbacks *callbacks;
  void *arg;
};

/* *out is NULL where ssh_config, or a key that only the agent has, asks for what libssh cannot do:
 * that is P2P_OK. */
int p2p_ssh_session_connect(const struct p2p_ssh_request *request, struct p2p_ssh **out,
                            struct p2p_err *err) P2P_MUST_USE;
/* What ssh_config (`config`: its file as after -F; "": the usual ones) says that the host `name`
 * is. */
void p2p_ssh_session_look_up(const char *name, const char *config, char *out, size_t size);
int p2p_ssh_program_connect(const struct p2p_ssh_request *request, struct p2p_ssh **out,
                            struct p2p_err *err) P2P_MUST_USE;

/* The sentence for an `ssh` that gave up (exit status 255), from what it said on stderr. Pure. */
int p2p_ssh_program_explain(const char *said, const char *host, struct p2p_err *err);

#endif
