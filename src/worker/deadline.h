/* The one deadline that an evaluator has at a time, and the time that its task has left. io thread
 * only. */
#ifndef P2P_WORKER_DEADLINE_H
#define P2P_WORKER_DEADLINE_H

#include <stdint.h>

#include "net/loop.h"

/* What the timer is for. */
enum p2p_deadline_kind {
  P2P_DEADLINE_NONE,
  P2P_DEADLINE_RETRY,   /* without a process: until the next attempt to start it */
  P2P_DEADLINE_START,   /* until its HELLO */
  P2P_DEADLINE_RECEIVE, /* until the whole task has arrived from the client */
  P2P_DEADLINE_TIME,    /* the time limit of the future */
  P2P_DEADLINE_PAUSE,   /* the result waits for the client; the time limit does not run */
  P2P_DEADLINE_TAKE,    /* until it has read what waits */
  P2P_DEADLINE_CANCEL,  /* until a cancelled task ends */
  P2P_DEADLINE_UNUSED   /* without a task */
};

struct p2p_timer;

struct p2p_deadline {
  struct p2p_timer *timer;
  enum p2p_deadline_kind kind;
  uint64_t left_ms;  /* of the time limit of the task, at since_ms */
  uint64_t since_ms; /* when the limit began to run */
};

/* False: out of memory. */
bool p2p_deadline_init(struct p2p_deadline *deadline, struct p2p_loop *loop, void (*fn)(void *arg),
                       void *arg) P2P_MUST_USE;
void p2p_deadline_close(struct p2p_deadline *deadline);
/* In place of the one before. */
void p2p_deadline_set(struct p2p_deadline *deadline, enum p2p_deadline_kind kind,
                      uint64_t delay_ms);
/* The time limit of the task runs, with what is left of it. */
void p2p_deadline_run_limit(struct p2p_deadline *deadline);
/* The task stands still: so does its time limit, and nothing else is expected of it. */
void p2p_deadline_stop(struct p2p_deadline *deadline);

#endif
