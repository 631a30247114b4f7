/* The server behind serve(): composes board, mailbox and relay. They are created and freed on the
 * io thread as a service, so that all three listen when p2p_server_new returns, and nothing is
 * open when p2p_server_free returns. */
#include "server/server.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "crypto/random.h"
#include "net/service.h"
#include "proc/file_limit.h"
#include "server/accounts_file.h"
#include "server/board_listener.h"
#include "server/mailbox_server.h"
#include "server/relay.h"

#define OTHER_FILES_MAX 1000 /* that R and its packages may have open */

struct p2p_server {
  struct p2p_service *service;
  struct p2p_board_server board;
  struct p2p_accounts_file *accounts_file; /* NULL: the users do not change */
  struct p2p_board_listener *board_listener;
  struct p2p_mailbox_server *mailbox_server;
  struct p2p_relay *relay;
};

/* --- on the io thread --- */

static void on_accounts(void *arg, struct p2p_accounts *accounts) {
  struct p2p_server *server = arg;
  struct p2p_board_server *board = &server->board;
  size_t count = p2p_accounts_count(accounts);
  if (p2p_accounts_are_equal(accounts, board->accounts)) {
    p2p_accounts_free(accounts);
    p2p_log_write(board->log, P2P_LOG_DEBUG, "read the users file: no change");
    return;
  }
  p2p_accounts_free(board->accounts);
  board->accounts = accounts;
  p2p_log_write(board->log, P2P_LOG_INFO, "reloaded the users file: %zu user%s", count,
                count == 1 ? "" : "s");
  p2p_board_listener_check_accounts(server->board_listener);
}

static void on_accounts_error(void *arg, const struct p2p_err *err) {
  struct p2p_server *server = arg;
  struct p2p_err report = *err;
  p2p_err_prefix(&report, "kept the users as they were");
  p2p_log_error(server->board.log, P2P_LOG_WARN, &report);
}

/* Names the service whose address or port cannot be used. */
static int name_service(int code, const char *service, struct p2p_err *err) {
  if (code == P2P_ERR_NETWORK || code == P2P_ERR_INVALID) p2p_err_prefix(err, "%s", service);
  return code;
}

static int start_services(struct p2p_server *server, const struct p2p_server_config *config,
                          struct p2p_err *err) {
  static const struct p2p_accounts_file_callbacks callbacks = {on_accounts, on_accounts_error};
  struct p2p_board_server *board = &server->board;
  int code = p2p_mailbox_server_new(config->loop, config->address, config->mailbox_port, board->log,
                                    &server->mailbox_server, err);
  if (code != P2P_OK) return name_service(code, "mailbox", err);
  code = p2p_relay_new(config->loop, config->address, config->relay_port, board->log,
                       &server->relay, err);
  if (code != P2P_OK) return name_service(code, "relay", err);
  /* The board comes last, since its clients ask it for the ports of the other two. */
  board->mailbox_port = p2p_mailbox_server_port(server->mailbox_server);
  board->relay_port = p2p_relay_port(server->relay);
  code = p2p_board_listener_new(board, config->address, config->board_port, config->host_key,
                                &server->board_listener, err);
  if (code != P2P_OK) return name_service(code, "board", err);
  board->host_key = p2p_board_listener_host_key(server->board_listener);
  if (config->users_file == NULL) return P2P_OK;
  return p2p_accounts_file_new(config->loop, config->users_file, &callbacks, server,
                               &server->accounts_file, err);
}

static int start(void *server, const void *config, struct p2p_err *err) {
  return start_services(server, config, err);
}

static void stop(void *state) {
  struct p2p_server *server = state;
  p2p_accounts_file_free(server->accounts_file);
  p2p_board_listener_free(server->board_listener);
  p2p_relay_free(server->relay);
  p2p_mailbox_server_free(server->mailbox_server);
}

/* --- on the caller's thread --- */

/* Every connection of the three services is an open file. Processes often start with a limit of
 * 1024 files and may raise it. If they may not, connections beyond it are refused. */
static void raise_file_limit(const struct p2p_board_server *board) {
  uint64_t wanted = (uint64_t)board->limits.connections + P2P_MAILBOX_CONNECTIONS_MAX +
                    P2P_RELAY_CONNECTIONS_MAX + OTHER_FILES_MAX;
  if (p2p_file_limit_raise(wanted) >= wanted) return;
  struct p2p_err err;
  p2p_err_because(&err, "file_limit",
                  p2p_err_set(&err, P2P_ERR_SYSTEM,
                              "the limit of open files is too low for all connections: %lu needed",
                              (unsigned long)wanted));
  p2p_log_error(board->log, P2P_LOG_WARN, &err);
}

static int read_accounts(const struct p2p_server_config *config, struct p2p_server *server,
                         struct p2p_err *err) {
  struct p2p_accounts **accounts = &server->board.accounts;
  struct stat info;
  if (config->users_file == NULL)
    return p2p_accounts_parse(config->users, strlen(config->users), accounts, err);
  /* Opening a FIFO would wait for a writer, and Ctrl-C would not end that wait. */
  if (stat(config->users_file, &info) == 0 && !S_ISREG(info.st_mode))
    return p2p_err_set(err, P2P_ERR_SYSTEM, "the users file '%s' is not a regular file",
                       config->users_file);
  return p2p_accounts_read(config->users_file, accounts, err);
}

static void destroy(void *state) {
  struct p2p_server *server = state;
  p2p_board_server_clear(&server->board);
  p2p_accounts_free(server->board.accounts);
  free(server);
}

static int prepare(struct p2p_server *server, const struct p2p_server_config *config,
                   struct p2p_err *err) {
  int code = read_accounts(config, server, err);
  if (code != P2P_OK) return code;
  if (p2p_crypto_init() != P2P_OK)
    return p2p_err_set(err, P2P_ERR_CRYPTO, "cannot start the cryptographic library");
  if (p2p_board_server_init(&server->board) != P2P_OK)
    return p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
  raise_file_limit(&server->board);
  return P2P_OK;
}

int p2p_server_new(const struct p2p_server_config *config, struct p2p_log_queue *log,
                   struct p2p_server **out, struct p2p_err *err) {
  static const struct p2p_service_type type = {start, stop, destroy};
  struct p2p_service *service;
  struct p2p_server *server = calloc(1, sizeof *server);
  if (server == NULL) return p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
  server->board = (struct p2p_board_server){
      .loop = config->loop, .log = log, .opened_at = time(NULL), .limits = config->limits};
  int code = prepare(server, config, err);
  if (code != P2P_OK) {
    destroy(server);
    return code;
  }
  code = p2p_service_start(config->loop, &type, server, config, &service, err);
  if (code != P2P_OK) return code;
  server->service = service;
  *out = server;
  return P2P_OK;
}

void p2p_server_free(struct p2p_server *server) {
  if (server != NULL) p2p_service_stop(server->service);
}

uint16_t p2p_server_board_port(const struct p2p_server *server) {
  return p2p_board_listener_port(server->board_listener);
}
uint16_t p2p_server_mailbox_port(const struct p2p_server *server) {
  return p2p_mailbox_server_port(server->mailbox_server);
}
uint16_t p2p_server_relay_port(const struct p2p_server *server) {
  return p2p_relay_port(server->relay);
}
const char *p2p_server_host_key(const struct p2p_server *server) {
  return p2p_board_listener_host_key(server->board_listener);
}
const char *p2p_server_fingerprint(const struct p2p_server *server) {
  return p2p_board_listener_fingerprint(server->board_listener);
}
