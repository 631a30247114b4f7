/* The sender's end of a transit connection: reads, hashes and seals on another thread while the io
 * thread writes what is sealed; at the end, checks the receipt. io thread only. */
#ifndef P2P_TRANSFER_SENDER_H
#define P2P_TRANSFER_SENDER_H

#include "net/tcp.h"
#include "transfer/input_file.h"
#include "wormhole/key.h"

struct p2p_sender;

struct p2p_sender_config {
  struct p2p_loop *loop;
  struct p2p_tcp *tcp; /* owned by p2p_sender_new in every case */
  const struct p2p_transit_key *key;
  struct p2p_input_file *input; /* borrowed until on_gone */
  const uint8_t *rest;          /* bytes that have already arrived */
  size_t rest_length;
};

struct p2p_sender_callbacks {
  void (*on_progress)(void *arg, uint64_t moved_bytes);
  /* The last event but on_gone. NULL: the receiver has confirmed the file. */
  void (*on_end)(void *arg, const struct p2p_err *err);
  void (*on_gone)(void *arg); /* after p2p_sender_free: the input is no longer used */
};

/* P2P_ERR_MEMORY. */
int p2p_sender_new(const struct p2p_sender_config *config,
                   const struct p2p_sender_callbacks *callbacks, void *arg, struct p2p_sender **out,
                   struct p2p_err *err) P2P_MUST_USE;
/* The bytes that the kernel has taken. *is_all: these are all, and the receipt is due. */
uint64_t p2p_sender_written(const struct p2p_sender *sender, bool *is_all);
/* Closes the connection and frees the sender. on_gone follows, maybe from within. Takes NULL. Safe
 * from within an event. */
void p2p_sender_free(struct p2p_sender *sender);

#endif
