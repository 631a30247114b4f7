/* Timers of the loop. io thread only. */
#ifndef P2P_NET_TIMER_H
#define P2P_NET_TIMER_H

#include "net/loop.h"

struct p2p_timer;

/* NULL: out of memory. The callback may free its own timer. */
struct p2p_timer *p2p_timer_new(struct p2p_loop *loop, void (*fn)(void *arg), void *arg);
/* Calls fn after delay_ms and, unless repeat_ms is 0, every repeat_ms from then on. Restarts a
 * timer that is running. */
void p2p_timer_start(struct p2p_timer *timer, uint64_t delay_ms, uint64_t repeat_ms);
void p2p_timer_stop(struct p2p_timer *timer);
void p2p_timer_free(struct p2p_timer *timer); /* takes NULL */

#endif
