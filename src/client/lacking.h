/* Tasks whose packages no worker has: they fail with a sentence, and nothing of them was sent. io
 * thread only. */
#ifndef P2P_CLIENT_LACKING_H
#define P2P_CLIENT_LACKING_H

#include "client/client_loop.h"

#define P2P_LACKING_SETTLE_MS                                                                      \
  3000 /* after a hello of ours, those that are there have answered: they spread it over up to 2 s \
        */

/* Fails those tasks of client->waiting whose need, in client->needs, is hopeless with the workers
 * of the first `seats` seats. Not before everybody had the time to say hello: *wake_ms is then
 * moved to that moment. Returns whether any did; then the next task asks the workers again. */
bool p2p_lacking_fail(struct p2p_client *client, size_t seats, uint64_t now_ms, uint64_t *wake_ms);

#endif
