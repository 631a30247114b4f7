/* The watcher of a lifeline, of an evaluator or of a companion of a worker: a thread, since R may
 * be busy for hours when the supervisor dies. Runs in that process. */
#ifndef P2P_WORKER_LIFELINE_H
#define P2P_WORKER_LIFELINE_H

#include <pthread.h>
#include <stdbool.h>

struct p2p_lifeline {
  pthread_t watcher;
  int fd;
  int stop[2]; /* a byte in this channel ends the watcher */
};

/* Starts the thread, which blocks all signals, and kills the process group when the other
 * end of `fd` closes. Returns 0 or an errno. */
int p2p_lifeline_watch(struct p2p_lifeline *lifeline, int fd);
/* Ends the thread, unless it is that of our parent process, and closes the descriptor. */
void p2p_lifeline_end(struct p2p_lifeline *lifeline, bool is_fork);

#endif
