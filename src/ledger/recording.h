/* Records what ends on the io thread: counts at once, and has the file written some seconds later,
 * on another thread, so that little is lost with a process that is killed. io thread only. */
#ifndef P2P_LEDGER_RECORDING_H
#define P2P_LEDGER_RECORDING_H

#include "base/log_queue.h"
#include "ledger/recorder.h"
#include "net/loop.h"

#define P2P_RECORDING_MS 3000        /* from a count to the file */
#define P2P_RECORDING_RETRY_MS 60000 /* to the next attempt, after one has failed */

struct p2p_recording;

/* `log` is borrowed, and gets one warning when the file cannot be written. Takes a reference to the
 * recorder. NULL: out of memory, or without a recorder. */
struct p2p_recording *p2p_recording_new(struct p2p_loop *loop, struct p2p_log_queue *log,
                                        struct p2p_recorder *recorder);
/* What is not written yet stays due in the recorder. Takes NULL. */
void p2p_recording_free(struct p2p_recording *recording);

/* Counts a future of, or by, `member` ("alice@desk:4711"). Takes NULL: nothing is recorded. */
void p2p_recording_add(struct p2p_recording *recording, enum p2p_ledger_side side,
                       const char *cluster, const char *member,
                       const struct p2p_ledger_counts *counts);

#endif
