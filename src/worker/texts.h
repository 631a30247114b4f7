/* NULL-terminated arrays of text, as argv and env are: copies of them. */
#ifndef P2P_WORKER_TEXTS_H
#define P2P_WORKER_TEXTS_H

char **p2p_texts_copy(const char *const *texts); /* NULL: out of memory */
void p2p_texts_free(char **texts);               /* takes NULL */

#endif
