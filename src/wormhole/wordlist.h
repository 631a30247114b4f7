/* The words of codes that people dictate to each other. There are 256, so a code of two words has
 * 16 bits; an attacker has a single guess per code. */
#ifndef P2P_WORMHOLE_WORDLIST_H
#define P2P_WORMHOLE_WORDLIST_H

#include <stddef.h>

#define P2P_WORDLIST_LENGTH 256

/* Sorted. No two words share their first four letters, or differ in fewer than three. */
extern const char *const p2p_wordlist[P2P_WORDLIST_LENGTH];
/* A random word. */
const char *p2p_wordlist_draw(void);

#endif
