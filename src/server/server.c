/* The program behind serve(): composes the board, the mailbox and the relay. What it does on the io
 * thread is done by p2p_loop_call, so that it listens when p2p_server_new returns and holds nothing
 * when p2p_server_free returns. */
#include "server/server.h"

#include <stdlib.h>
#include <string.h>

#include <sys/resource.h>

#include "crypto/random.h"
#include "net/file_watch.h"
#include "server/board_listener.h"
#include "server/mailbox_server.h"
#include "server/relay.h"

#define FILES_OF_THE_REST 1000 /* what R and its packages may have open */

struct p2p_server {
  struct p2p_board_server board;
  char *users_file; /* NULL: the users do not change */
  struct p2p_file_watch *users_watch;
  struct p2p_board_listener *board_door;
  struct p2p_mailbox_server *mailbox_server;
  struct p2p_relay *relay;
};

struct start {
  const struct p2p_server_config *config;
  struct p2p_server *server;
  struct p2p_err *err;
  int code;
};

/* on the io thread */
static void on_users_file(void *arg) {
  struct p2p_server *server = arg;
  struct p2p_board_server *board = &server->board;
  struct p2p_accounts *users, *before = board->users;
  struct p2p_err err;
  if (p2p_accounts_read(server->users_file, &users, &err) != P2P_OK) {
    p2p_log_write(board->log, P2P_LOG_WARN, "The users stay as they were: %s", err.message);
    return;
  }
  board->users = users;
  p2p_accounts_free(before);
  p2p_log_write(board->log, P2P_LOG_INFO, "The users were read again: there are %zu",
                p2p_accounts_count(users));
  p2p_board_listener_check_users(server->board_door);
}

/* Names the service whose port cannot be used. */
static int name_service(int code, const char *service, struct p2p_err *err) {
  if (code == P2P_ERR_NETWORK || code == P2P_ERR_INVALID) p2p_err_prefix(err, "%s", service);
  return code;
}

static int start_services(struct p2p_server *server, const struct p2p_server_config *config,
                          struct p2p_err *err) {
  struct p2p_board_server *board = &server->board;
  int code = p2p_mailbox_server_new(config->loop, config->address, config->mailbox_port, board->log,
                                    &server->mailbox_server, err);
  if (code != P2P_OK) return name_service(code, "mailbox", err);
  code = p2p_relay_new(config->loop, config->address, config->relay_port, board->log,
                       &server->relay, err);
  if (code != P2P_OK) return name_service(code, "relay", err);
  /* The board comes last, since it tells its clients where the other two are. */
  board->mailbox_port = p2p_mailbox_server_port(server->mailbox_server);
  board->relay_port = p2p_relay_port(server->relay);
  code = p2p_board_listener_new(board, config->address, config->board_port, config->host_key,
                                &server->board_door, err);
  if (code != P2P_OK) return name_service(code, "board", err);
  if (server->users_file == NULL) return P2P_OK;
  return p2p_file_watch_new(config->loop, server->users_file, on_users_file, server,
                            &server->users_watch, err);
}

/* on the io thread */
static void start_on_loop(void *arg) {
  struct start *start = arg;
  start->code = start_services(start->server, start->config, start->err);
}

/* on the io thread */
static void stop_on_loop(void *arg) {
  struct p2p_server *server = arg;
  p2p_file_watch_free(server->users_watch);
  p2p_board_listener_free(server->board_door);
  p2p_relay_free(server->relay);
  p2p_mailbox_server_free(server->mailbox_server);
}

/* Every connection of the three services is an open file. Often the limit that a process begins
 * with is 1024, and higher ones are allowed. With fewer, connections beyond are refused. */
static void raise_file_limit(const struct p2p_board_server *board) {
  rlim_t wanted = (rlim_t)board->limits.connections + P2P_MAILBOX_CONNECTIONS_MAX +
                  P2P_RELAY_CONNECTIONS_MAX + FILES_OF_THE_REST;
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted) return;
  limit.rlim_cur =
      limit.rlim_max == RLIM_INFINITY || limit.rlim_max > wanted ? wanted : limit.rlim_max;
  bool is_raised = setrlimit(RLIMIT_NOFILE, &limit) == 0;
  if (!is_raised || limit.rlim_cur < wanted)
    p2p_log_write(board->log, P2P_LOG_WARN,
                  "for all connections that the limits allow, this process would have to open %lu "
                  "files, and the system allows fewer: "
                  "see 'ulimit -n', or LimitNOFILE of a systemd unit",
                  (unsigned long)wanted);
}

static int read_users(const struct p2p_server_config *config, struct p2p_server *server,
                      struct p2p_err *err) {
  if (config->users_file == NULL)
    return p2p_accounts_parse(config->users, strlen(config->users), &server->board.users, err);
  server->users_file = strdup(config->users_file);
  if (server->users_file == NULL) return p2p_err_set(err, P2P_ERR_MEMORY, "Out of memory.");
  return p2p_accounts_read(server->users_file, &server->board.users, err);
}

int p2p_server_new(const struct p2p_server_config *config, struct p2p_log_queue *log,
                   struct p2p_server **out, struct p2p_err *err) {
  struct p2p_server *server = calloc(1, sizeof *server);
  struct start start = {.config = config, .server = server, .err = err};
  if (server == NULL) return p2p_err_set(err, P2P_ERR_MEMORY, "Out of memory.");
  server->board = (struct p2p_board_server){
      .loop = config->loop, .log = log, .opened_at = time(NULL), .limits = config->limits};
  start.code = read_users(config, server, err);
  if (start.code == P2P_OK && p2p_crypto_init() != P2P_OK)
    start.code = p2p_err_set(err, P2P_ERR_CRYPTO, "The cryptographic library cannot be started.");
  if (start.code == P2P_OK && p2p_board_server_init(&server->board) != P2P_OK)
    start.code = p2p_err_set(err, P2P_ERR_MEMORY, "Out of memory.");
  if (start.code == P2P_OK) {
    raise_file_limit(&server->board);
    if (p2p_loop_call(config->loop, start_on_loop, &start) != P2P_OK)
      start.code = p2p_err_set(err, P2P_ERR_CLOSED, "the io thread has ended");
  }
  if (start.code != P2P_OK) {
    p2p_server_free(server);
    return start.code;
  }
  *out = server;
  return P2P_OK;
}

void p2p_server_free(struct p2p_server *server) {
  if (server == NULL) return;
  p2p_loop_call(server->board.loop, stop_on_loop, server);
  p2p_board_server_clear(&server->board);
  p2p_accounts_free(server->board.users);
  free(server->users_file);
  free(server);
}

uint16_t p2p_server_board_port(const struct p2p_server *server) {
  return p2p_board_listener_port(server->board_door);
}
uint16_t p2p_server_mailbox_port(const struct p2p_server *server) {
  return p2p_mailbox_server_port(server->mailbox_server);
}
uint16_t p2p_server_relay_port(const struct p2p_server *server) {
  return p2p_relay_port(server->relay);
}
const char *p2p_server_host_key(const struct p2p_server *server) {
  return p2p_board_listener_host_key(server->board_door);
}
const char *p2p_server_fingerprint(const struct p2p_server *server) {
  return p2p_board_listener_fingerprint(server->board_door);
}
