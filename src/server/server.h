/* The program behind serve(): message board (SSH), mailbox (WebSocket) and transit relay (TCP) in
 * one process. What it does is told on an events queue. Any thread but the io thread. */
#ifndef P2P_SERVER_SERVER_H
#define P2P_SERVER_SERVER_H

#include <stdint.h>

#include "base/log_queue.h"
#include "net/loop.h"
#include "server/board_session.h"

struct p2p_server;

struct p2p_server_config {
  struct p2p_loop *loop;
  const char *address;                           /* to listen on; NULL: all */
  uint16_t board_port, mailbox_port, relay_port; /* 0: any free one */
  const char *host_key;   /* file of the private host key, OpenSSH format; made (Ed25519, mode 0600)
                             when absent */
  const char *users;      /* text for p2p_accounts_parse; or NULL, and: */
  const char *users_file; /* a file of it, read again whenever it changes */
  struct p2p_board_limits limits;
};

/* Listens when it returns. `events` is borrowed. */
int p2p_server_new(const struct p2p_server_config *config, struct p2p_log_queue *log,
                   struct p2p_server **out, struct p2p_err *err) P2P_MUST_USE;
void p2p_server_free(struct p2p_server *server); /* takes NULL */

uint16_t p2p_server_board_port(const struct p2p_server *server);
uint16_t p2p_server_mailbox_port(const struct p2p_server *server);
uint16_t p2p_server_relay_port(const struct p2p_server *server);
/* "ssh-ed25519 AAAA..." for known_hosts, and "SHA256:..." to compare by eye. */
const char *p2p_server_host_key(const struct p2p_server *server);
const char *p2p_server_fingerprint(const struct p2p_server *server);

#endif
