/* Sets up the connection of a link: a wormhole for the key and the hints, then the race for a
 * transit connection. Bounded in time as a whole. io thread only. */
#ifndef P2P_WORMHOLE_LINK_SETUP_H
#define P2P_WORMHOLE_LINK_SETUP_H

#include <stdbool.h>

#include "net/loop.h"
#include "net/tcp.h"
#include "wormhole/key.h"

#define P2P_LINK_APPID "future.p2p/link-v1"

struct p2p_link_setup;

struct p2p_link_setup_config {
  struct p2p_loop *loop;
  const char *mailbox; /* ws://host:port/v1 */
  const char *relay;   /* tcp:host:port, or NULL for none */
  bool is_opener;      /* we open the link, and are the sender of transit */
  const char *code;    /* of the joiner */
  /* Instead of a code; see struct p2p_wormhole_config. */
  const char *mailbox_id, *password;
  bool no_listen, no_direct;
  uint32_t timeout_ms; /* for the whole set-up */
};

struct p2p_link_setup_callbacks {
  void (*on_code)(void *arg, const char *code); /* the code that was made */
  /* The last event. The owner owns `tcp`, and must attach it at once; `rest` are bytes that have
   * already arrived. Pointers are valid until the callback returns. */
  void (*on_connected)(void *arg, struct p2p_tcp *tcp, const struct p2p_transit_key *key,
                       const char *path, const uint8_t *rest, size_t rest_length);
  void (*on_fail)(void *arg, const struct p2p_err *err); /* the last event */
};

/* Copies the configuration. P2P_ERR_INVALID or P2P_ERR_PARSE for bad addresses, a bad code, mailbox
 * or password; P2P_ERR_MEMORY. */
int p2p_link_setup_new(const struct p2p_link_setup_config *config,
                       const struct p2p_link_setup_callbacks *callbacks, void *arg,
                       struct p2p_link_setup **out, struct p2p_err *err) P2P_MUST_USE;
/* The other end has proved that it knows the code or password. */
bool p2p_link_setup_is_confirmed(const struct p2p_link_setup *setup);
/* The verifier of the wormhole, once the set-up is confirmed. */
void p2p_link_setup_verifier(const struct p2p_link_setup *setup, uint8_t out[P2P_KEY_LEN]);
void p2p_link_setup_free(struct p2p_link_setup *setup); /* takes NULL; safe from within an event */

#endif
