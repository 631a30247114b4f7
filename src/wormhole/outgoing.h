/* The sender's stream over a transit connection: reads, hashes and seals on another thread while the io thread writes what is
 * sealed already; at the end it compares the receiver's receipt. io thread only. */
#ifndef P2P_WORMHOLE_OUTGOING_H
#define P2P_WORMHOLE_OUTGOING_H

#include "net/tcp.h"
#include "wormhole/key.h"
#include "wormhole/source.h"

struct p2p_outgoing;

struct p2p_outgoing_events {
  void (*on_progress)(void *arg, uint64_t moved_bytes); /* something moved, if only the other side */
  void (*on_end)(void *arg, const struct p2p_err *err); /* the last but on_gone; NULL: the receiver has it all */
  void (*on_gone)(void *arg);                           /* after free: the source is not touched any more */
};

/* Takes the connection over in every case; `rest` came over it already. `source` is borrowed. P2P_ERR_MEMORY. */
int p2p_outgoing_new(struct p2p_loop *loop, struct p2p_tcp *tcp, const struct p2p_transit_key *key, struct p2p_source *source,
                     const uint8_t *rest, size_t rest_length, const struct p2p_outgoing_events *events,
                     void *arg, struct p2p_outgoing **out, struct p2p_err *err) P2P_MUST_USE;
/* Bytes that the kernel took for the connection; *is_all: these are all, and the receipt is awaited. */
uint64_t p2p_outgoing_passed(const struct p2p_outgoing *outgoing, bool *is_all);
/* Closes the connection. No events after but on_gone, which may come from within. Safe from within an event. */
void p2p_outgoing_free(struct p2p_outgoing *outgoing);

#endif
