/* What is reserved for the tasks that run at a worker, and the line of those that wait for it. The
 * first one in line is the next to begin, also when a later one would fit before it: so nobody's
 * small tasks keep a large one waiting for ever. Pure. */
#ifndef P2P_WORKER_RESERVATIONS_H
#define P2P_WORKER_RESERVATIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "protocol/given.h"

struct p2p_reservation {
  struct p2p_reservation *next;
  struct p2p_amounts amounts;
  size_t client;        /* its number */
  bool is_granted;      /* else it is in line */
  struct p2p_cpus cpus; /* granted: the processors that it has for itself; none: it may use any */
  uint64_t gpus;        /* granted: which ones, by their bits */
  void *arg;            /* of the caller */
};

struct p2p_reservations {
  struct p2p_amounts left;
  struct p2p_cpus cpus;          /* those that nobody has for itself */
  uint64_t gpus;                 /* those that nobody has; as many as left.gpus */
  struct p2p_reservation *first; /* in the order of their arrival, with those that are granted */
};

/* `cpus`: the processors that are given with cores, as long as there are enough. */
void p2p_reservations_init(struct p2p_reservations *reservations, const struct p2p_amounts *all,
                           const struct p2p_cpus *cpus);
/* Puts it at the end of the line. Borrowed until it is removed. */
void p2p_reservations_add(struct p2p_reservations *reservations,
                          struct p2p_reservation *reservation);
/* Ignores one that was not added. */
void p2p_reservations_remove(struct p2p_reservations *reservations,
                             const struct p2p_reservation *reservation);
/* Grants the first one in line, if there is enough left. NULL: there is not, or nobody waits. */
struct p2p_reservation *p2p_reservations_grant(struct p2p_reservations *reservations);
/* The next one in line after `after`, or the first one (NULL). */
struct p2p_reservation *p2p_reservations_waiting(const struct p2p_reservations *reservations,
                                                 const struct p2p_reservation *after);
/* What is granted to all clients but one. */
void p2p_reservations_of_others(const struct p2p_reservations *reservations, size_t client,
                                struct p2p_amounts *out);

#endif
