/* One connection to a cluster's topic: logs in, learns the user name, says which device this is,
 * opens the topic, checks the access, and stays until it breaks. To reconnect is up to the member.
 * io thread only. */
#ifndef P2P_BOARD_CONNECTION_H
#define P2P_BOARD_CONNECTION_H

#include <stdbool.h>
#include <stdint.h>

#include "board/address.h"
#include "board/command_output.h"
#include "board/services.h"
#include "board/topic.h"
#include "crypto/sign.h"
#include "protocol/hello_line.h"
#include "protocol/line.h"

struct p2p_connection;

struct p2p_connection_request { /* all pointers are borrowed, and outlive the connection */
  struct p2p_loop *loop;
  const struct p2p_address *address;
  const struct p2p_cluster *cluster; /* NULL: the user's own "personal" */
  enum p2p_role role;
  const char *access;  /* host: the users who may join, joined by ','; else NULL */
  uint32_t timeout_ms; /* until on_joined */
};

struct p2p_connection_callbacks {
  /* The user is known. The connection goes on with p2p_connection_resume. */
  void (*on_user)(void *arg);
  /* Fills in the first line, a hello, whose echo shows that the topic works. */
  void (*on_hello)(void *arg, struct p2p_line *hello);
  void (*on_joined)(void *arg);
  void (*on_line)(void *arg, const struct p2p_line *line); /* after on_joined; our own lines, too */
  void (*on_dropped)(void *arg); /* p2p_connection_dropped has increased */
  /* It could not join, or the connection ended. The last callback. */
  void (*on_end)(void *arg, const struct p2p_err *err);
};

/* Failures after this call are reported by on_end. The connection may be freed within a callback.
 * P2P_ERR_MEMORY. */
int p2p_connection_new(const struct p2p_connection_request *request,
                       const struct p2p_connection_callbacks *callbacks, void *arg,
                       struct p2p_connection **out, struct p2p_err *err) P2P_MUST_USE;
void p2p_connection_free(struct p2p_connection *connection); /* takes NULL; no callbacks after */

/* After on_user, once; also within it. `device`: the key that the user attests on the board,
 * borrowed; NULL: none. */
void p2p_connection_resume(struct p2p_connection *connection, const struct p2p_sign_public *device);

/* From on_user on. */
const char *p2p_connection_user(const struct p2p_connection *connection);
const struct p2p_cluster *p2p_connection_cluster(const struct p2p_connection *connection);
/* From on_hello on. */
const struct p2p_services *p2p_connection_services(const struct p2p_connection *connection);
/* Whether the board has remembered `device`. */
bool p2p_connection_has_attested(const struct p2p_connection *connection);
/* host: the users of `access` who have no account, as far as the board knows, joined by ','. */
const char *p2p_connection_unknown_users(const struct p2p_connection *connection);

/* From on_joined on: the clusters that the user hosted then, as p2p_topic_list_hosted. */
const char *p2p_connection_hosted(const struct p2p_connection *connection);

/* Writes a line. P2P_ERR_CLOSED unless joined; P2P_ERR_TOO_LARGE. */
int p2p_connection_send(struct p2p_connection *connection, const struct p2p_line *line);
/* Runs a command, as p2p_command_output_request. P2P_ERR_CLOSED unless joined. */
int p2p_connection_ask(struct p2p_connection *connection, const char *command,
                       void (*fn)(void *arg, const char *text, size_t length), void *arg,
                       struct p2p_command_output **out) P2P_MUST_USE;
/* How many malformed lines were dropped. */
uint64_t p2p_connection_dropped(const struct p2p_connection *connection);

#endif
