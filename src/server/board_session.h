/* One command on a board, from its start to its exit status, without the SSH around it: what it
 * writes is queued here, and who owns the connection carries it away. io thread. */
#ifndef P2P_SERVER_BOARD_SESSION_H
#define P2P_SERVER_BOARD_SESSION_H

#include <stdbool.h>
#include <time.h>

#include "base/buf.h"
#include "base/log_queue.h"
#include "net/loop.h"
#include "server/accounts.h"
#include "server/topics.h"

#define P2P_BOARD_SESSION_OUT_MAX \
  (1024 * 1024) /* bytes that wait for a slow member, who is sent away beyond */

#define P2P_BOARD_CONNECTIONS_MAX 2000
#define P2P_BOARD_CONNECTIONS_OF_KEY_MAX 200
#define P2P_BOARD_TOPICS_OF_USER_MAX 100
#define P2P_BOARD_AUTH_MS 10000
#define P2P_BOARD_BYTES_PER_S (8 * 1024 * 1024)
#define P2P_BOARD_PING_MS 5000
#define P2P_BOARD_SILENT_MS 25000

/* What one board, user, key or connection may have. 0: as above. */
struct p2p_board_limits {
  uint32_t connections; /* at most half of them with keys without account */
  uint32_t connections_of_key;
  uint32_t topics_of_user;
  uint32_t auth_ms;     /* to authenticate */
  uint64_t bytes_per_s; /* from one connection; beyond, it is not read for a while */
  uint32_t
      ping_ms; /* between two questions whether a client is still there; also how exact times are */
  uint32_t silent_ms; /* without a sign of life: gone */
};

/* What the visits of one board have in common; borrowed by them. */
struct p2p_board_server {
  struct p2p_loop *loop;
  struct p2p_topics *topics;
  struct p2p_accounts *users;
  struct p2p_log_queue *log;
  uint16_t mailbox_port, relay_port;
  time_t opened_at;
  struct p2p_board_limits limits;
};

/* Makes and frees the topics, and completes the limits; the rest is set by the caller. */
int p2p_board_server_init(struct p2p_board_server *board) P2P_MUST_USE;
void p2p_board_server_clear(struct p2p_board_server *board);

/* Who is there, as found out when the key was checked. */
struct p2p_board_user {
  char user[64];        /* "public" without an account */
  char fingerprint[64]; /* "SHA256:..." */
  char login[40];       /* as told by the client: letters, digits, '.', '_', '-' only */
  char address[64];     /* "127.0.0.1:4242" */
};
/* Fills user and login: what the peer says is cut down to harmless characters. `user` may be NULL.
 */
void p2p_board_user_name(struct p2p_board_user *user_info, const char *user, const char *login);

struct p2p_board_session;

/* Runs `command`. on_change is called, also from within, when there is something new to carry away;
 * it must not call back into the visit. NULL when out of memory. `visitor` is copied. */
struct p2p_board_session *p2p_board_session_new(struct p2p_board_server *board,
                                                const struct p2p_board_user *user_info,
                                                const char *command, void (*on_change)(void *arg),
                                                void *arg);
void p2p_board_session_free(struct p2p_board_session *session); /* leaves the topic; takes NULL */

void p2p_board_session_input(struct p2p_board_session *session, const uint8_t *bytes,
                             size_t length);
void p2p_board_session_end_input(struct p2p_board_session *session);

/* What waits to be carried away: consume it from these. */
struct p2p_buf *p2p_board_session_out(struct p2p_board_session *session);
struct p2p_buf *p2p_board_session_err(struct p2p_board_session *session);
/* The command has ended: once out and err are empty, *exit_status is to be told. */
bool p2p_board_session_has_ended(const struct p2p_board_session *session, int *exit_status);
/* The member took too little for too long: disconnect it. */
bool p2p_board_session_is_overrun(const struct p2p_board_session *session);

#endif
