/* A file transfer on the io thread: a wormhole, the messages about what is offered, the race for a
 * connection, and the stream over it. transfer/transfer.h is its face to other threads. */
#ifndef P2P_TRANSFER_SESSION_H
#define P2P_TRANSFER_SESSION_H

#include "transfer/transfer.h"

struct p2p_transfer_session;

struct p2p_transfer_session_callbacks {
  void (*on_status)(void *arg, const struct p2p_transfer_status *status);
  /* The last event: everything is over, nothing borrowed is touched any more. `text`: what was
   * received, if it was a text that was taken over by the owner; else NULL. Then free. */
  void (*on_over)(void *arg, char *text, size_t text_length);
};

/* Copies what of the configuration is not said to be borrowed. */
int p2p_transfer_session_new(const struct p2p_transfer_config *config,
                             const struct p2p_transfer_session_callbacks *callbacks, void *arg,
                             struct p2p_transfer_session **out, struct p2p_err *err) P2P_MUST_USE;
void p2p_transfer_session_confirm(struct p2p_transfer_session *session, bool is_same);
/* Fails with P2P_ERR_CANCELED if it is not over. on_over follows, perhaps from within. */
void p2p_transfer_session_cancel(struct p2p_transfer_session *session);
/* After on_over. Takes NULL. */
void p2p_transfer_session_free(struct p2p_transfer_session *session);

#endif
