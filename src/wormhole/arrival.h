/* A file on its way in: written under a name of its own beside its final one, which it gets only when it is whole. Any
 * thread, one at a time. */
#ifndef P2P_WORMHOLE_ARRIVAL_H
#define P2P_WORMHOLE_ARRIVAL_H

#include <stddef.h>

#include "base/err.h"

#define P2P_ARRIVAL_PATH_MAX 4096

struct p2p_arrival {
  int fd; /* -1: none */
  char part[P2P_ARRIVAL_PATH_MAX], final[P2P_ARRIVAL_PATH_MAX];
};

/* `path`: the final name, which must not exist yet. P2P_ERR_SYSTEM with a sentence. */
int p2p_arrival_open(struct p2p_arrival *arrival, const char *path, struct p2p_err *err) P2P_MUST_USE;
int p2p_arrival_write(struct p2p_arrival *arrival, const void *bytes, size_t length, struct p2p_err *err) P2P_MUST_USE;
/* The file gets its final name; what has come to be there meanwhile is not overwritten. */
int p2p_arrival_commit(struct p2p_arrival *arrival, struct p2p_err *err) P2P_MUST_USE;
/* Removes what was written and not committed. */
void p2p_arrival_drop(struct p2p_arrival *arrival);

#endif
