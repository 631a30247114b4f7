/* The receiver's end of a transit connection: decrypts records on the io thread, hashes and writes
 * on another; names the file when it is complete and sends the receipt. io thread only. */
#ifndef P2P_TRANSFER_RECEIVER_H
#define P2P_TRANSFER_RECEIVER_H

#include "net/tcp.h"
#include "transfer/output_file.h"
#include "wormhole/key.h"

struct p2p_receiver;

struct p2p_receiver_config {
  struct p2p_loop *loop;
  struct p2p_tcp *tcp; /* owned by p2p_receiver_new in every case */
  const struct p2p_transit_key *key;
  struct p2p_output_file *output; /* borrowed until on_gone */
  uint64_t size_bytes;            /* of the file */
  const uint8_t *rest;            /* bytes that have already arrived */
  size_t rest_length;
};

struct p2p_receiver_callbacks {
  void (*on_progress)(void *arg, uint64_t moved_bytes);
  /* The last event but on_gone. NULL: the file is complete and has its name. */
  void (*on_end)(void *arg, const struct p2p_err *err);
  void (*on_gone)(void *arg); /* after p2p_receiver_free: the output file is no longer used */
};

/* P2P_ERR_MEMORY. */
int p2p_receiver_new(const struct p2p_receiver_config *config,
                     const struct p2p_receiver_callbacks *callbacks, void *arg,
                     struct p2p_receiver **out, struct p2p_err *err) P2P_MUST_USE;
/* The bytes that have arrived on the connection, of incomplete records too. */
uint64_t p2p_receiver_arrived(const struct p2p_receiver *receiver);
/* Closes the connection and frees the receiver. on_gone follows, maybe from within. Takes NULL.
 * Safe from within an event. */
void p2p_receiver_free(struct p2p_receiver *receiver);

#endif
