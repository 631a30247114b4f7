/* The words of codes that people say to each other: 256 of them, so that two have 16 bits. A peer
 * that guesses has one guess. */
#ifndef P2P_WORMHOLE_WORDLIST_H
#define P2P_WORMHOLE_WORDLIST_H

#include <stddef.h>

#define P2P_WORDLIST_LENGTH 256

/* In alphabetical order; no two begin with the same four letters or differ in fewer than three. */
extern const char *const p2p_wordlist[P2P_WORDLIST_LENGTH];
/* One of them, by the CSPRNG. */
const char *p2p_wordlist_draw(void);

#endif
