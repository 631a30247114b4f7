/* One file transfer, compatible with magic-wormhole and wormhole-william: sends or receives a file,
 * bytes or a text through a wormhole, end-to-end encrypted. It runs on the io thread; these
 * functions are for any other thread. */
#ifndef P2P_TRANSFER_TRANSFER_H
#define P2P_TRANSFER_TRANSFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "transfer/config.h"
#include "transfer/status.h"

struct p2p_transfer;

/* Starts a transfer. Opens the file to be sent. Errors in the arguments are returned; later
 * failures end in state FAILED. */
int p2p_transfer_new(const struct p2p_transfer_config *config, struct p2p_transfer **out,
                     struct p2p_err *err) P2P_MUST_USE;
/* Cancels the transfer if it is not over, and frees it. Waits for the io thread and the disk. Takes
 * NULL. */
void p2p_transfer_free(struct p2p_transfer *transfer);

/* Ends the transfer in state FAILED, tells the peer, and removes an incomplete file. Does nothing
 * if the transfer is over. */
void p2p_transfer_cancel(struct p2p_transfer *transfer);

void p2p_transfer_status(struct p2p_transfer *transfer, struct p2p_transfer_status *out);
/* Waits until the generation, which every change of the status increments, is not `seen`, or for
 * timeout_ms. Returns the generation, which is never 0. */
uint64_t p2p_transfer_wait(struct p2p_transfer *transfer, uint64_t seen, int timeout_ms);
/* A descriptor that is readable when the status has changed since p2p_transfer_wait. Poll it only.
 */
int p2p_transfer_fd(const struct p2p_transfer *transfer);
/* In state CONFIRMING: whether both sides show the same verifier. If not, the transfer fails. */
void p2p_transfer_confirm(struct p2p_transfer *transfer, bool is_same);
/* A received text of *length bytes and a NUL, owned by the transfer. NULL in other states than
 * DONE, and if no text was received. */
const char *p2p_transfer_text(struct p2p_transfer *transfer, size_t *length);

#endif
