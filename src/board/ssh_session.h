/* One SSH connection, without ever blocking the io thread: connects, checks the host key,
 * authenticates, runs commands, one channel each. What libssh can do is done by it, within this
 * process (ssh_session.c, ssh_login.c, ssh_command.c); for what only OpenSSH can do, such as a jump
 * host, its program `ssh` does it (ssh_program.c). */
#ifndef P2P_BOARD_SSH_SESSION_H
#define P2P_BOARD_SSH_SESSION_H

#include <stddef.h>
#include <stdint.h>

#include "board/address.h"
#include "net/loop.h"

struct p2p_ssh;

struct p2p_ssh_callbacks {
  void (*on_ready)(void *arg); /* authenticated: commands can run */
  /* The connection ended or never came to be: P2P_ERR_HOST_KEY, _AUTH, _NETWORK, _TIMEOUT, _CLOSED.
   * The last event. */
  void (*on_close)(void *arg, const struct p2p_err *err);
};

int p2p_ssh_connect(struct p2p_loop *loop, const struct p2p_address *address, uint32_t timeout_ms,
                    const struct p2p_ssh_callbacks *callbacks, void *arg, struct p2p_ssh **out,
                    struct p2p_err *err) P2P_MUST_USE;
void p2p_ssh_free(
    struct p2p_ssh *ssh); /* no events after; takes NULL; its commands are freed too */
/* How long the other end may be silent (half-open connections), from on_ready on: 20 s if nothing
 * else is said. It is asked for a sign of life after half of it. */
void p2p_ssh_set_silence(struct p2p_ssh *ssh, uint32_t silent_ms);
/* The host name that was connected to (after ssh_config). */
const char *p2p_ssh_host(const struct p2p_ssh *ssh);

struct p2p_ssh_command;
struct p2p_ssh_command_callbacks {
  void (*on_start)(void *arg); /* the server accepted the request */
  void (*on_output)(void *arg, const char *bytes, size_t length); /* stdout */
  /* -1: none was told. The last event. When the connection ends, its on_close says so, and no
   * on_end. */
  void (*on_end)(void *arg, int exit_status);
};
/* Runs `command` on a channel of its own (no pty, no env). After on_ready. */
int p2p_ssh_run(struct p2p_ssh *ssh, const char *command,
                const struct p2p_ssh_command_callbacks *callbacks, void *arg,
                struct p2p_ssh_command **out, struct p2p_err *err) P2P_MUST_USE;
/* Writes all of it in order, in one channel write where the window allows. P2P_ERR_TOO_LARGE when
 * more than 1 MiB waits already. */
int p2p_ssh_command_write(struct p2p_ssh_command *command, const void *bytes, size_t length);
void p2p_ssh_command_free(struct p2p_ssh_command *command); /* closes the channel; takes NULL */

#endif
