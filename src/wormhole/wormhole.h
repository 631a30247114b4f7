/* One wormhole: two sides that know the same code, or the same mailbox and password, meet in a
 * mailbox, agree on a key, and exchange a few sealed messages. Links and file transfers are built
 * on it. io thread only. */
#ifndef P2P_WORMHOLE_WORMHOLE_H
#define P2P_WORMHOLE_WORMHOLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/loop.h"
#include "wormhole/code.h"
#include "wormhole/key.h"

struct p2p_wormhole;

struct p2p_wormhole_config {
  struct p2p_loop *loop;
  const char *mailbox; /* ws://host:port/v1 */
  const char *appid;
  const char *code; /* NULL: allocate a nameplate and make a code */
  /* Both or neither; not with a code. With them there is no nameplate, and on_code is not called.
   */
  const char *mailbox_id; /* of p2p_mailbox_id_is_valid */
  const char *password;   /* of p2p_code_password_is_valid, shorter than P2P_CODE_MAX */
  bool for_people;        /* the code that is made: see p2p_code_make */
  uint32_t timeout_ms;    /* to reach the mailbox server; the owner bounds everything after that */
};

struct p2p_wormhole_callbacks {
  void (*on_code)(void *arg, const char *code); /* the code that was made */
  void (*on_peer)(void *arg); /* the peer has proved that it knows the code or password */
  void (*on_message)(void *arg, const uint8_t *text, size_t length); /* in the order sent */
  void (*on_delivered)(void *arg); /* p2p_wormhole_is_delivered became true; may be NULL */
  void (*on_fail)(void *arg, const struct p2p_err *err); /* the last event; free the wormhole */
};

/* Copies the configuration. P2P_ERR_INVALID or P2P_ERR_PARSE for a bad url, code, mailbox or
 * password; later failures are reported by on_fail. */
int p2p_wormhole_open(const struct p2p_wormhole_config *config,
                      const struct p2p_wormhole_callbacks *callbacks, void *arg,
                      struct p2p_wormhole **out, struct p2p_err *err) P2P_MUST_USE;

/* Seals and sends a message. P2P_ERR_INVALID before on_peer, P2P_ERR_CLOSED after on_fail,
 * P2P_ERR_TOO_LARGE, P2P_ERR_MEMORY. */
int p2p_wormhole_send(struct p2p_wormhole *wormhole, const void *text, size_t length) P2P_MUST_USE;
/* From on_peer on: the verifier, which both users may compare, and the key of transit. */
void p2p_wormhole_verifier(const struct p2p_wormhole *wormhole, uint8_t out[P2P_KEY_LEN]);
void p2p_wormhole_transit_key(const struct p2p_wormhole *wormhole, struct p2p_transit_key *out);
/* Whether the mailbox server has confirmed all messages that were sent. If so, the wormhole can be
 * freed without losing one; if not, on_delivered follows. */
bool p2p_wormhole_is_delivered(const struct p2p_wormhole *wormhole);
/* Whether the connection to the mailbox server is lost, and being re-established. Messages that are
 * sent meanwhile are delivered afterwards. */
bool p2p_wormhole_is_disconnected(const struct p2p_wormhole *wormhole);
/* Fills `err` with P2P_ERR_TIMEOUT and the step that was not completed within `seconds`, such as
 * "the worker did not join mailbox ws://... within 30 s" for `peer` "worker". */
void p2p_wormhole_time_out(const struct p2p_wormhole *wormhole, const char *peer, double seconds,
                           struct p2p_err *err);
/* Why a transfer's wait ran out: "mailbox_lost", "no_sender" or "no_receiver", or
 * "transfer_overdue" once both sides have met. */
const char *p2p_wormhole_overdue_reason(const struct p2p_wormhole *wormhole, bool is_sender);

/* Leaves the mailbox and frees the wormhole. `happy`: whether all went well, which is reported to
 * the mailbox server as the mood. No events follow. Takes NULL. Safe from within an event. */
void p2p_wormhole_free(struct p2p_wormhole *wormhole, bool happy);

#endif
