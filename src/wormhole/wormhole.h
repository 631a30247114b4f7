/* One wormhole: two sides that know a code meet in a mailbox, agree on a key, and send each other a
 * few sealed messages. What they then do (a link, a file transfer) is built on top. io thread only.
 */
#ifndef P2P_WORMHOLE_WORMHOLE_H
#define P2P_WORMHOLE_WORMHOLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/loop.h"
#include "wormhole/key.h"

#define P2P_WORMHOLE_CODE_MAX 128 /* characters of a code, with its NUL */

struct p2p_wormhole;

struct p2p_wormhole_config {
  struct p2p_loop *loop;
  const char *mailbox; /* ws://host:port/v1 */
  const char *appid;
  const char *code;    /* NULL: a nameplate is allocated and a code made up */
  bool for_people;     /* the code that is made up has two words; else 128 bits in hex */
  uint32_t timeout_ms; /* to reach the mailbox at first; all that follows is the owner's to bound */
};

struct p2p_wormhole_callbacks {
  void (*on_code)(void *arg, const char *code); /* only where none was given */
  void (*on_peer)(void *arg);                   /* the peer knows the code: keys stand */
  void (*on_message)(void *arg, const uint8_t *text,
                     size_t length); /* phases 0, 1, ... in their order */
  void (*on_delivered)(void *arg);   /* p2p_wormhole_is_delivered again; may be NULL */
  void (*on_fail)(void *arg, const struct p2p_err *err); /* the last event; then free */
};

/* Copies the configuration. P2P_ERR_INVALID, P2P_ERR_PARSE for a bad url or code; later failures
 * arrive as on_fail. */
int p2p_wormhole_open(const struct p2p_wormhole_config *config,
                      const struct p2p_wormhole_callbacks *callbacks, void *arg,
                      struct p2p_wormhole **out, struct p2p_err *err) P2P_MUST_USE;

/* Seals and adds our next message. P2P_ERR_INVALID before on_peer, P2P_ERR_CLOSED after the end. */
int p2p_wormhole_send(struct p2p_wormhole *wormhole, const void *text, size_t length);
/* From on_peer on. The verifier is what both users may compare by eye. */
void p2p_wormhole_verifier(const struct p2p_wormhole *wormhole, uint8_t out[P2P_KEY_LEN]);
void p2p_wormhole_transit_key(const struct p2p_wormhole *wormhole, struct p2p_transit_key *out);
/* Whether the mailbox has all that we have sent, so that we may leave it. Not yet: on_delivered
 * tells when. */
bool p2p_wormhole_is_delivered(const struct p2p_wormhole *wormhole);
/* The mailbox was lost after it was reached. It is tried again, until the owner loses patience;
 * what is sent meanwhile goes out then. */
bool p2p_wormhole_is_cut_off(const struct p2p_wormhole *wormhole);
/* P2P_ERR_TIMEOUT, with what has not happened in so many seconds: "The worker did not come to the
 * mailbox ws://... within 30 s", with `peer` "worker". */
void p2p_wormhole_time_out(const struct p2p_wormhole *wormhole, const char *peer, double seconds,
                           struct p2p_err *err);

/* Leaves the mailbox with the mood that fits: `happy` when all went well, else by what happened. No
 * events after. Takes NULL. Safe from within an event of this wormhole. */
void p2p_wormhole_free(struct p2p_wormhole *wormhole, bool happy);

#endif
