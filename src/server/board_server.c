/* What all connections of one board share. */
#include "server/board_server.h"

#include <stddef.h>

static void set_default(uint32_t *limit, uint32_t value) {
  if (*limit == 0) *limit = value;
}

static void set_defaults(struct p2p_board_limits *limits) {
  set_default(&limits->connections, P2P_BOARD_CONNECTIONS_DEFAULT);
  set_default(&limits->connections_per_key, P2P_BOARD_CONNECTIONS_PER_KEY_DEFAULT);
  set_default(&limits->topics_per_user, P2P_BOARD_TOPICS_PER_USER_DEFAULT);
  set_default(&limits->login_ms, P2P_BOARD_LOGIN_MS_DEFAULT);
  set_default(&limits->ping_ms, P2P_BOARD_PING_MS_DEFAULT);
  set_default(&limits->silence_ms, P2P_BOARD_SILENCE_MS_DEFAULT);
  if (limits->bytes_per_s == 0) limits->bytes_per_s = P2P_BOARD_BYTES_PER_S_DEFAULT;
}

int p2p_board_server_init(struct p2p_board_server *board) {
  set_defaults(&board->limits);
  board->topics = p2p_topics_new(board->limits.topics_per_user);
  return board->topics == NULL ? P2P_ERR_MEMORY : P2P_OK;
}

void p2p_board_server_clear(struct p2p_board_server *board) {
  p2p_topics_free(board->topics);
  board->topics = NULL;
}
