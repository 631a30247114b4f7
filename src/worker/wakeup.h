/* A timer that runs a function soon or after a delay, whichever comes first. io thread only. */
#ifndef P2P_WORKER_WAKEUP_H
#define P2P_WORKER_WAKEUP_H

#include "net/loop.h"

struct p2p_wakeup;

/* NULL: out of memory. */
struct p2p_wakeup *p2p_wakeup_new(struct p2p_loop *loop, void (*fn)(void *arg), void *arg);
/* Runs fn in the next round of the loop, never from within this call. */
void p2p_wakeup_soon(struct p2p_wakeup *wakeup);
/* Runs fn after `delay_ms`, in place of an earlier delay. Does not postpone a run that is due soon.
 */
void p2p_wakeup_after(struct p2p_wakeup *wakeup, uint64_t delay_ms);
void p2p_wakeup_free(struct p2p_wakeup *wakeup); /* takes NULL */

#endif
