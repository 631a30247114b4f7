/* Transfers a file once both sides have the transit key: the race for a connection, then the sender
 * or receiver on it. io thread only. */
#ifndef P2P_TRANSFER_STREAM_H
#define P2P_TRANSFER_STREAM_H

#include "transfer/input_file.h"
#include "transfer/output_file.h"
#include "wormhole/transit.h"

#define P2P_STREAM_STALL_BYTES 4096 /* less is a stall: the peer may only want to hold us up */
#define P2P_STREAM_RECEIPT_STALLS 5

struct p2p_stream;

struct p2p_stream_callbacks {
  void (*on_start)(void *arg, const char *route); /* connected, and both sides agree */
  void (*on_progress)(void *arg, uint64_t moved_bytes);
  /* The last event but on_gone. NULL: the receiver has the file. */
  void (*on_end)(void *arg, const struct p2p_err *err);
  void (*on_gone)(void *arg); /* after p2p_stream_free: the files are no longer used */
};

/* Starts to listen. Copies the configuration. P2P_ERR_MEMORY. */
int p2p_stream_new(const struct p2p_transit_config *config,
                   const struct p2p_stream_callbacks *callbacks, void *arg, struct p2p_stream **out,
                   struct p2p_err *err) P2P_MUST_USE;
void p2p_stream_hints(const struct p2p_stream *stream, struct p2p_hints *out);
/* Sender: the receiver has accepted the file, which is sent as soon as there is a connection.
 * Borrows `input` until on_gone. */
void p2p_stream_send(struct p2p_stream *stream, struct p2p_input_file *input);
/* Receiver: call it before p2p_stream_connect. Borrows `output` until on_gone. */
void p2p_stream_receive(struct p2p_stream *stream, struct p2p_output_file *output,
                        uint64_t size_bytes);
/* Starts to connect to the peer. After an error, only on_gone follows. */
int p2p_stream_connect(struct p2p_stream *stream, const struct p2p_hints *peer_hints,
                       struct p2p_err *err) P2P_MUST_USE;
/* Whether we are still connecting. If so, fills `err` as p2p_transit_time_out does. */
bool p2p_stream_time_out(const struct p2p_stream *stream, const char *peer, double seconds,
                         struct p2p_err *err);
/* Call it at regular intervals after on_start. True if fewer than P2P_STREAM_STALL_BYTES were
 * transferred since the last call. The receipt may take P2P_STREAM_RECEIPT_STALLS intervals, since
 * we cannot see how much of the file is still buffered in the network or in a relay. */
bool p2p_stream_has_stalled(struct p2p_stream *stream);
/* Closes the connections and frees the stream. on_gone follows, maybe from within. Takes NULL. Safe
 * from within an event. */
void p2p_stream_free(struct p2p_stream *stream);

#endif
