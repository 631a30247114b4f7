/* A slot pool: the slots of one worker that are ours, and which of them are idle since when. It
 * keeps what was requested, granted and recalled. No I/O; time is an argument. io thread only. */
#ifndef P2P_CLIENT_SLOT_POOL_H
#define P2P_CLIENT_SLOT_POOL_H

#include <stdbool.h>
#include <stdint.h>

#include "client/schedule.h"

struct p2p_slot_pool;

/* For a worker with `slots` slots, of which none is ours. NULL: out of memory. */
struct p2p_slot_pool *p2p_slot_pool_new(uint32_t slots, uint64_t now_ms);
void p2p_slot_pool_free(struct p2p_slot_pool *pool); /* takes NULL */

/* A request for `count` slots in all was sent. */
void p2p_slot_pool_request(struct p2p_slot_pool *pool, uint32_t count, uint64_t now_ms);
/* The worker has granted `count` more slots. False, and nothing is changed, if it has fewer. */
bool p2p_slot_pool_grant(struct p2p_slot_pool *pool, uint32_t count, uint64_t now_ms);
/* The worker wants `count` more slots back, at most all. */
void p2p_slot_pool_recall(struct p2p_slot_pool *pool, uint32_t count);
/* Removes up to `count` idle slots, those that are idle for longest first. Returns how many. */
uint32_t p2p_slot_pool_return(struct p2p_slot_pool *pool, uint32_t count);

/* A task starts in the slot that became idle last. Requires an idle slot. */
void p2p_slot_pool_take(struct p2p_slot_pool *pool);
/* A task has ended. */
void p2p_slot_pool_release(struct p2p_slot_pool *pool, uint64_t now_ms);

/* Fills everything except for the eligible tasks. */
void p2p_slot_pool_describe(const struct p2p_slot_pool *pool, uint64_t now_ms,
                            struct p2p_schedule_worker *out);

#endif
