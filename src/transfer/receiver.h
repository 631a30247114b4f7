/* The receiver's stream over a transit connection: opens records on the io thread, hashes and
 * writes on another; when all has come, the file gets its name and the sender its receipt. io
 * thread only. */
#ifndef P2P_TRANSFER_RECEIVER_H
#define P2P_TRANSFER_RECEIVER_H

#include "net/tcp.h"
#include "transfer/output_file.h"
#include "wormhole/key.h"

struct p2p_receiver;

struct p2p_receiver_callbacks {
  void (*on_progress)(void *arg, uint64_t moved_bytes);
  void (*on_end)(void *arg,
                 const struct p2p_err *err); /* the last but on_gone; NULL: the file is there */
  void (*on_gone)(void *arg);                /* after free: the arrival is not touched any more */
};

/* Takes the connection over in every case; `rest` came over it already. `arrival` is borrowed.
 * P2P_ERR_MEMORY. */
int p2p_receiver_new(struct p2p_loop *loop, struct p2p_tcp *tcp, const struct p2p_transit_key *key,
                     struct p2p_output_file *output, uint64_t size_bytes, const uint8_t *rest,
                     size_t rest_length, const struct p2p_receiver_callbacks *callbacks, void *arg,
                     struct p2p_receiver **out, struct p2p_err *err) P2P_MUST_USE;
/* Bytes that came over the connection, of whole records or not. */
uint64_t p2p_receiver_passed(const struct p2p_receiver *receiver);
/* Closes the connection. No events after but on_gone, which may come from within. Safe from within
 * an event. */
void p2p_receiver_free(struct p2p_receiver *receiver);

#endif
