/* An SSH connection to the board. It never blocks the io thread: the files of ~/.ssh, the handshake
 * and the SSH agent are used on threads of the pool (net/job). libssh makes the connection within
 * this process; for what only OpenSSH can do, such as a jump host, its program `ssh` does. io
 * thread only. */
#ifndef P2P_BOARD_SSH_H
#define P2P_BOARD_SSH_H

#include <stdbool.h>

#include "board/ssh_transport.h"

struct p2p_ssh;

/* Starts to connect; a failure is reported by on_close. P2P_ERR_MEMORY. */
int p2p_ssh_connect(const struct p2p_ssh_request *request,
                    const struct p2p_ssh_callbacks *callbacks, void *arg, struct p2p_ssh **out,
                    struct p2p_err *err) P2P_MUST_USE;
/* No callbacks after; may be called from within one. Frees the commands, too. Takes NULL. */
void p2p_ssh_free(struct p2p_ssh *ssh);

struct p2p_loop *p2p_ssh_loop(const struct p2p_ssh *ssh);

/* The next functions are for after on_ready. */

/* Gives up a connection on which the board sends nothing for silent_ms (half-open connections);
 * 20 s by default. After half of it a keepalive request is sent. */
void p2p_ssh_set_silence(struct p2p_ssh *ssh, uint32_t silent_ms);
/* The host name that was connected to, after ssh_config. */
const char *p2p_ssh_host(const struct p2p_ssh *ssh);
/* Whether the connection is made by OpenSSH's program. False for NULL. */
bool p2p_ssh_uses_program(const struct p2p_ssh *ssh);

/* Runs `command` on a channel of its own (no pty, no environment). */
int p2p_ssh_run(struct p2p_ssh *ssh, const char *command,
                const struct p2p_ssh_command_callbacks *callbacks, void *arg,
                struct p2p_ssh_command **out, struct p2p_err *err) P2P_MUST_USE;
/* Writes all of it in order, in one channel write where the window allows. P2P_ERR_TOO_LARGE when
 * more than 1 MiB waits already; P2P_ERR_CLOSED. */
int p2p_ssh_command_write(struct p2p_ssh_command *command, const void *bytes, size_t length);
/* Closes the channel. No callbacks after; may be called from within one. Takes NULL. */
void p2p_ssh_command_free(struct p2p_ssh_command *command);

#endif
