/* Words of a stranger (a server's error, a peer's refusal), made fit to be shown to people. Pure.
 */
#ifndef P2P_WORMHOLE_WORDS_H
#define P2P_WORMHOLE_WORDS_H

#define P2P_WORDS_MAX 257

/* Cuts, and puts '?' for whatever is not printable ASCII: no terminal is steered by a stranger. */
void p2p_words_clean(const char *text, char out[P2P_WORDS_MAX]);

#endif
