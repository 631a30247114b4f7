/* Ctrl-C and the like: a thread waits for them, so that they end a transfer at every moment and in good order. */
#ifndef P2P_SHELL_INTERRUPT_H
#define P2P_SHELL_INTERRUPT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "wormhole/transfer.h"

struct p2p_interrupt;

/* Before any other thread is started: these signals are for ours alone. */
void p2p_interrupt_block(void);
/* From now on a signal cancels the transfer. The transfer is borrowed until stop. P2P_ERR_SYSTEM, P2P_ERR_MEMORY. */
int p2p_interrupt_start(struct p2p_transfer *transfer, struct p2p_interrupt **out) P2P_MUST_USE;
/* A line of standard input, cut at `size`; false at its end, and when there was a signal. */
bool p2p_interrupt_read_line(struct p2p_interrupt *interrupt, char *out, size_t size);
/* Joins the thread and frees. Returns whether there was a signal. Takes NULL. */
bool p2p_interrupt_stop(struct p2p_interrupt *interrupt);

#endif
