/* One stay on a cluster's topic: from the connection, over the proof of who we are and where we
 * landed, until it breaks. It never comes back by itself: that is the member's part. io thread
 * only. */
#ifndef P2P_BOARD_CONNECTION_H
#define P2P_BOARD_CONNECTION_H

#include <stdbool.h>
#include <stdint.h>

#include "board/address.h"
#include "board/services.h"
#include "board/topic.h"
#include "protocol/hello_line.h"
#include "protocol/line.h"

struct p2p_connection;

struct p2p_connection_request { /* all that it points to is borrowed, and outlives the join */
  struct p2p_loop *loop;
  const struct p2p_address *address;
  const struct p2p_cluster *cluster; /* NULL: the user's own "personal" */
  enum p2p_role role;
  const char *access; /* host: the users who may come, joined by ','; else NULL */
  uint32_t timeout_ms;
};

struct p2p_connection_callbacks {
  void (*on_hello)(
      void *arg,
      struct p2p_line *hello); /* who we are is known: says the hello that is to be echoed */
  void (*on_joined)(void *arg);
  void (*on_line)(void *arg, const struct p2p_line *line); /* after on_joined; ours as well */
  void (*on_dropped)(void *arg);                           /* p2p_connection_dropped has grown */
  void (*on_end)(
      void *arg,
      const struct p2p_err *err); /* it could not join, or the stay is over. The last event */
};

/* Whatever goes wrong later arrives as on_end. The join may be freed from its events. */
int p2p_connection_new(const struct p2p_connection_request *request,
                       const struct p2p_connection_callbacks *callbacks, void *arg,
                       struct p2p_connection **out, struct p2p_err *err) P2P_MUST_USE;
void p2p_connection_free(struct p2p_connection *connection); /* takes NULL; no events after */

/* Known from on_hello on. */
const char *p2p_connection_user(const struct p2p_connection *connection);
const struct p2p_cluster *p2p_connection_cluster(const struct p2p_connection *connection);
const struct p2p_services *p2p_connection_services(const struct p2p_connection *connection);

int p2p_connection_write(struct p2p_connection *connection, const char *bytes, size_t length);
uint64_t p2p_connection_dropped(
    const struct p2p_connection *connection); /* lines that did not parse */

#endif
