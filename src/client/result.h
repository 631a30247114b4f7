/* A result: its bytes on their way in, which another thread may read meanwhile. The io thread
 * appends; reference counted. No place for secrets. */
#ifndef P2P_CLIENT_RESULT_H
#define P2P_CLIENT_RESULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/notifier.h"

#define P2P_RESULT_AHEAD_BYTES (UINT64_C(64) << 20)

struct p2p_result; /* opaque */

/* Of exactly `size_bytes`, which the caller has capped: a table of 1/8192 of that is allocated.
 * NULL: out of memory. */
struct p2p_result *p2p_result_new(uint64_t size_bytes);
void p2p_result_ref(struct p2p_result *result);
void p2p_result_free(struct p2p_result *result); /* drops a reference; takes NULL */

/* ---- io thread ---- */

/* P2P_ERR_MEMORY: nothing was appended. P2P_ERR_TOO_LARGE: more than the size. */
int p2p_result_append(struct p2p_result *result, const void *bytes, size_t length) P2P_MUST_USE;
/* It is being read, by a reader that frees what it has read, and more than P2P_RESULT_AHEAD_BYTES
 * wait for it. Takes NULL. */
bool p2p_result_is_ahead(struct p2p_result *result);
/* The rest will not come. Does nothing if all has arrived. */
void p2p_result_break(struct p2p_result *result);

/* ---- Any thread ---- */

uint64_t p2p_result_size(const struct p2p_result *result);
uint64_t p2p_result_arrived(const struct p2p_result *result); /* bytes */
bool p2p_result_is_whole(const struct p2p_result *result);
bool p2p_result_is_broken(const struct p2p_result *result);
/* The longest contiguous run at `offset` of what has arrived; 0: none. */
size_t p2p_result_span(const struct p2p_result *result, uint64_t offset, const uint8_t **bytes);
/* Frees chunks of what was read, before `offset`: it cannot be read again. Only for the one reader
 * of the result. */
void p2p_result_drop(struct p2p_result *result, uint64_t offset);
bool p2p_result_is_dropped(const struct p2p_result *result);
/* From now on, `notifier` can be notified, until p2p_result_unwatch. False: another one is. */
bool p2p_result_watch(struct p2p_result *result, struct p2p_notifier *notifier);
void p2p_result_unwatch(struct p2p_result *result);
/* Returns true if `bytes` have arrived in all, or the whole, or if it is broken. False: the
 * notifier is notified then, once. Requires p2p_result_watch. */
bool p2p_result_want(struct p2p_result *result, uint64_t bytes);

#endif
