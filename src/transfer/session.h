/* A file transfer on the io thread: the wormhole, the negotiation, and the stream. io thread only.
 */
#ifndef P2P_TRANSFER_SESSION_H
#define P2P_TRANSFER_SESSION_H

#include "transfer/config.h"
#include "transfer/input_file.h"
#include "transfer/status.h"

struct p2p_transfer_session;

struct p2p_transfer_session_callbacks {
  void (*on_status)(void *arg, const struct p2p_transfer_status *status);
  /* The last event; free the session. All files are closed, and borrowed memory is no longer used.
   * `text` is a received text, which the owner frees, or NULL. */
  void (*on_over)(void *arg, char *text, size_t text_length);
};

/* Starts a transfer, whose configuration was checked. Copies the configuration, apart from `bytes`.
 * `input` is what is sent (NULL: a text, or we receive); on success, the session closes it.
 * P2P_ERR_INVALID or P2P_ERR_PARSE for a bad code or mailbox; P2P_ERR_MEMORY. */
int p2p_transfer_session_new(const struct p2p_transfer_config *config,
                             const struct p2p_input_file *input,
                             const struct p2p_transfer_session_callbacks *callbacks, void *arg,
                             struct p2p_transfer_session **out, struct p2p_err *err) P2P_MUST_USE;
/* In state CONFIRMING: whether both sides show the same verifier. */
void p2p_transfer_session_confirm(struct p2p_transfer_session *session, bool is_same);
/* Fails with P2P_ERR_CANCELED unless the transfer is over. on_over may be called from within. */
void p2p_transfer_session_cancel(struct p2p_transfer_session *session);
/* Only after on_over. Takes NULL. */
void p2p_transfer_session_free(struct p2p_transfer_session *session);

#endif
