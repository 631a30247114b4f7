/* From a connected socket to an authenticated SSH session: key exchange, host key, login. libssh
 * reads files of ~/.ssh and waits for the SSH agent meanwhile, so that every step runs as a job, on
 * one thread of the pool at a time. io thread only. */
#ifndef P2P_BOARD_SSH_HANDSHAKE_H
#define P2P_BOARD_SSH_HANDSHAKE_H

#include "board/ssh_settings.h"
#include "board/ssh_socket.h"
#include "net/loop.h"

#define P2P_SSH_AGENT_TIMEOUT_MS 10000

struct p2p_ssh_handshake;

struct p2p_ssh_handshake_request {
  struct p2p_loop *loop;
  int fd;                            /* a connected socket; taken over, also after an error */
  struct p2p_ssh_settings *settings; /* its session and keys are taken over, also after an error */
  /* Called once: with NULL when the session is authenticated, then _take it; else with
   * P2P_ERR_HOST_KEY, _AUTH, _NETWORK, _SYSTEM, _MEMORY, or _TIMEOUT when the SSH agent did not
   * answer within P2P_SSH_AGENT_TIMEOUT_MS. It must free the handshake. */
  void (*on_end)(void *arg, const struct p2p_err *err);
  void *arg;
};

/* P2P_ERR_MEMORY, P2P_ERR_SYSTEM. */
int p2p_ssh_handshake_start(const struct p2p_ssh_handshake_request *request,
                            struct p2p_ssh_handshake **out, struct p2p_err *err) P2P_MUST_USE;
/* Moves the authenticated session to `out`. Within on_end. */
void p2p_ssh_handshake_take(struct p2p_ssh_handshake *handshake, struct p2p_ssh_socket *out);
/* Fills `err` with what the handshake is waiting for, after timeout_ms. */
void p2p_ssh_handshake_set_timeout(const struct p2p_ssh_handshake *handshake, uint32_t timeout_ms,
                                   struct p2p_err *err);
/* No callback after; also within on_end. A job that is under way keeps what it uses until it ends,
 * and its wait for the agent is ended. Takes NULL. */
void p2p_ssh_handshake_free(struct p2p_ssh_handshake *handshake);

#endif
