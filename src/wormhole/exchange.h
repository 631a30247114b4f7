/* A file transfer on the io thread: a wormhole, the messages about what is offered, the race for a connection, and the stream over
 * it. wormhole/transfer.h is its face to other threads. */
#ifndef P2P_WORMHOLE_EXCHANGE_H
#define P2P_WORMHOLE_EXCHANGE_H

#include "wormhole/transfer.h"

struct p2p_exchange;

struct p2p_exchange_events {
  void (*on_status)(void *arg, const struct p2p_transfer_status *status);
  /* The last event: everything is over, nothing borrowed is touched any more. `text`: what was received, if it was a text that was
   * taken over by the owner; else NULL. Then free. */
  void (*on_over)(void *arg, char *text, size_t text_length);
};

/* Copies what of the configuration is not said to be borrowed. */
int p2p_exchange_new(const struct p2p_transfer_config *config, const struct p2p_exchange_events *events, void *arg,
                     struct p2p_exchange **out, struct p2p_err *err) P2P_MUST_USE;
void p2p_exchange_confirm(struct p2p_exchange *exchange, bool is_same);
/* Fails with P2P_ERR_CANCELED if it is not over. on_over follows, perhaps from within. */
void p2p_exchange_cancel(struct p2p_exchange *exchange);
/* After on_over. Takes NULL. */
void p2p_exchange_free(struct p2p_exchange *exchange);

#endif
