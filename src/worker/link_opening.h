/* How a worker opens the link to a client, and what both say first. In a cluster with a key, the
 * link depends on the key, and each end shows its certificate. io thread only. */
#ifndef P2P_WORKER_LINK_OPENING_H
#define P2P_WORKER_LINK_OPENING_H

#include "protocol/frame.h"
#include "protocol/hello.h"
#include "worker/client_link_config.h"
#include "wormhole/link.h"

struct p2p_link_events {
  const struct p2p_link_callbacks *callbacks;
  void *arg;
};

/* As p2p_link_open. */
int p2p_link_opening_start(const struct p2p_client_link_shared *shared,
                           const struct p2p_client_link_config *config,
                           const struct p2p_link_events *events, struct p2p_link **out,
                           struct p2p_err *err) P2P_MUST_USE;
/* Writes the worker's HELLO for an open link, as p2p_hello_write. */
long p2p_link_opening_write_hello(const struct p2p_client_link_shared *shared,
                                  const struct p2p_link *link,
                                  char out[P2P_HELLO_MAX + 1]) P2P_MUST_USE;
/* Reads the first frame of a client, and switches the link to the cipher that both ends have.
 * Returns what the client did wrong, or NULL; then *out is set. */
const char *p2p_link_opening_read_hello(const struct p2p_client_link_shared *shared,
                                        struct p2p_link *link, const struct p2p_identity *client,
                                        const struct p2p_frame *frame, struct p2p_hello *out);

#endif
