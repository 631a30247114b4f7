/* How long to stay away before the next attempt. Pure but for chance. */
#ifndef P2P_BOARD_BACKOFF_H
#define P2P_BOARD_BACKOFF_H

#include <stdint.h>

#define P2P_BACKOFF_FIRST_MS 500
#define P2P_BACKOFF_MOST_MS 30000
#define P2P_BACKOFF_LEAST_MS 50 /* between two attempts, whatever chance says */

/* After so many attempts in vain (from 0): up to the first pause doubled so often, but not more than the most. By chance from the least
 * to that, so that the members of a board that restarts do not come back all at once. */
uint32_t p2p_backoff_pause(unsigned attempts);

#endif
