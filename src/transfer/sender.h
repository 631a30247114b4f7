/* The sender's stream over a transit connection: reads, hashes and seals on another thread while
 * the io thread writes what is sealed already; at the end it compares the receiver's receipt. io
 * thread only. */
#ifndef P2P_TRANSFER_SENDER_H
#define P2P_TRANSFER_SENDER_H

#include "net/tcp.h"
#include "transfer/input_file.h"
#include "wormhole/key.h"

struct p2p_sender;

struct p2p_sender_callbacks {
  void (*on_progress)(void *arg,
                      uint64_t moved_bytes); /* something moved, if only the other side */
  void (*on_end)(
      void *arg,
      const struct p2p_err *err); /* the last but on_gone; NULL: the receiver has it all */
  void (*on_gone)(void *arg);     /* after free: the source is not touched any more */
};

/* Takes the connection over in every case; `rest` came over it already. `source` is borrowed.
 * P2P_ERR_MEMORY. */
int p2p_sender_new(struct p2p_loop *loop, struct p2p_tcp *tcp, const struct p2p_transit_key *key,
                   struct p2p_input_file *input, const uint8_t *rest, size_t rest_length,
                   const struct p2p_sender_callbacks *callbacks, void *arg, struct p2p_sender **out,
                   struct p2p_err *err) P2P_MUST_USE;
/* Bytes that the kernel took for the connection; *is_all: these are all, and the receipt is
 * awaited. */
uint64_t p2p_sender_passed(const struct p2p_sender *sender, bool *is_all);
/* Closes the connection. No events after but on_gone, which may come from within. Safe from within
 * an event. */
void p2p_sender_free(struct p2p_sender *sender);

#endif
