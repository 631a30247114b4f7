/* A recorder: what this process has given and received since its start, and what of it is not in
 * the account's ledger yet. Reference counted; any thread, unless it says otherwise. */
#ifndef P2P_LEDGER_RECORDER_H
#define P2P_LEDGER_RECORDER_H

#include "ledger/ledger.h"

struct p2p_recorder;

/* `folder`: of the account's ledger (copied), see ledger_file.h; NULL: nothing is written. NULL:
 * out of memory. */
struct p2p_recorder *p2p_recorder_new(const char *folder);
struct p2p_recorder *p2p_recorder_ref(struct p2p_recorder *recorder); /* takes NULL */
void p2p_recorder_free(struct p2p_recorder *recorder);                /* takes NULL */

/* Counts something now. What finds no memory is not counted. */
void p2p_recorder_add(struct p2p_recorder *recorder, const struct p2p_ledger_key *key,
                      const struct p2p_ledger_counts *counts);
/* Something must be written. */
bool p2p_recorder_is_due(struct p2p_recorder *recorder);
/* Writes it. After an error (ledger_file.h), it is due as before. Not on the io thread. In a fork,
 * it does nothing: all is the parent's. */
int p2p_recorder_write(struct p2p_recorder *recorder, struct p2p_err *err) P2P_MUST_USE;
/* Fills *out, which is empty, with what this process has counted; the caller clears it.
 * P2P_ERR_MEMORY. */
int p2p_recorder_session(struct p2p_recorder *recorder, struct p2p_ledger *out) P2P_MUST_USE;

#endif
