/* The server behind serve(): message board (SSH), mailbox (WebSocket) and transit relay (TCP) on
 * one io thread. Any thread but the io thread. */
#ifndef P2P_SERVER_SERVER_H
#define P2P_SERVER_SERVER_H

#include <stdint.h>

#include "base/log_queue.h"
#include "net/loop.h"
#include "server/limits.h"

struct p2p_server;

struct p2p_server_config {
  struct p2p_loop *loop;
  const char *address;                           /* to listen on; NULL: all */
  uint16_t board_port, mailbox_port, relay_port; /* 0: any free one */
  const char *host_key;   /* file of the private key (server/host_key.h); created if missing */
  const char *users;      /* text for p2p_accounts_parse; or NULL, and: */
  const char *users_file; /* a file with such text, read again whenever it changes */
  struct p2p_board_limits limits;
};

/* Listens when it returns. What happens later is reported to `log`, which is borrowed. Also raises
 * the process's limit of open files. Errors of p2p_accounts_parse, p2p_accounts_read,
 * p2p_host_key_load and p2p_listener_new, with the service that failed; P2P_ERR_CLOSED when the io
 * thread has ended. After an error nothing is left open. */
int p2p_server_new(const struct p2p_server_config *config, struct p2p_log_queue *log,
                   struct p2p_server **out, struct p2p_err *err) P2P_MUST_USE;
/* Closes all connections. Takes NULL. */
void p2p_server_free(struct p2p_server *server);

uint16_t p2p_server_board_port(const struct p2p_server *server);
uint16_t p2p_server_mailbox_port(const struct p2p_server *server);
uint16_t p2p_server_relay_port(const struct p2p_server *server);
/* For known_hosts, "ssh-ed25519 AAAA...", and to be compared by eye, "SHA256:...". */
const char *p2p_server_host_key(const struct p2p_server *server);
const char *p2p_server_fingerprint(const struct p2p_server *server);

#endif
