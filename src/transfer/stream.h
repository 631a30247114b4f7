/* How a file gets from one side to the other once the transit key stands: the race for a
 * connection, then the stream over it. io thread only. */
#ifndef P2P_TRANSFER_STREAM_H
#define P2P_TRANSFER_STREAM_H

#include "transfer/input_file.h"
#include "transfer/output_file.h"
#include "wormhole/transit.h"

#define P2P_STREAM_STALL_BYTES 4096 /* less is silence, or somebody who wants to hold us up */
#define P2P_STREAM_RECEIPT_STALLS 5

struct p2p_stream;

struct p2p_stream_callbacks {
  void (*on_moving)(void *arg, const char *way); /* connected and agreed: bytes move */
  void (*on_progress)(void *arg, uint64_t moved_bytes);
  void (*on_end)(
      void *arg,
      const struct p2p_err *err); /* the last but on_gone; NULL: the receiver has it all */
  void (*on_gone)(void *arg);     /* after free: source and arrival are not touched any more */
};

/* Begins to listen. The transit's configuration is copied. */
int p2p_stream_new(const struct p2p_transit_config *config,
                   const struct p2p_stream_callbacks *callbacks, void *arg, struct p2p_stream **out,
                   struct p2p_err *err) P2P_MUST_USE;
void p2p_stream_hints(const struct p2p_stream *stream, struct p2p_hints *out);
/* Sender: the file is wanted; it moves as soon as there is a connection. The source is borrowed
 * until on_gone. */
void p2p_stream_send(struct p2p_stream *stream, struct p2p_input_file *input);
/* Receiver: before the race. The arrival is borrowed until on_gone. */
void p2p_stream_receive(struct p2p_stream *stream, struct p2p_output_file *output,
                        uint64_t size_bytes);
/* Begins to connect. A failure known at once is returned, and no event follows. */
int p2p_stream_race(struct p2p_stream *stream, const struct p2p_hints *theirs,
                    struct p2p_err *err) P2P_MUST_USE;
/* Whether a connection is still missing; then `err` is what p2p_transit_time_out says. */
bool p2p_stream_time_out(const struct p2p_stream *stream, const char *peer, double seconds,
                         struct p2p_err *err);
/* Once it moves, and asked every so often: whether less than P2P_STREAM_STALL_BYTES passed since it
 * was asked last. The receiver's last word may take P2P_STREAM_RECEIPT_STALLS times as long: how
 * much of the file is still on its way, in networks and a relay, is not seen from here. */
bool p2p_stream_has_stalled(struct p2p_stream *stream);
/* Closes what is open. No events after but on_gone, which may come from within. Safe from within an
 * event. */
void p2p_stream_free(struct p2p_stream *stream);

#endif
