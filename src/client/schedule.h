/* The scheduler's decision: a pure function of the waiting tasks, the workers and the time. It
 * works with counts, since tasks differ only in which workers can run them. It opens links only for
 * tasks that have neither a slot nor a request for one, spreads tasks over the workers, never uses
 * more slots than allowed, and returns slots that are recalled or idle for long. A worker that was
 * never linked is expected to have one slot, whatever its hello claims. Such workers are tried in
 * turn by user, those last whose workers could not be linked, and one of each user at any time: so
 * nobody's made-up workers keep a client from those of others. */
#ifndef P2P_CLIENT_SCHEDULE_H
#define P2P_CLIENT_SCHEDULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define P2P_SCHEDULE_COOL_MS 250   /* an idle slot still counts as needed for this long */
#define P2P_SCHEDULE_WARM_MS 10000 /* an idle slot is kept for the next task for this long */
#define P2P_SCHEDULE_PATIENCE_MS \
  1000 /* requested slots and opening links count as available soon for this long */
#define P2P_SCHEDULE_SETUP_MS 35000      /* from opening a link to the worker's HELLO */
#define P2P_SCHEDULE_LINK_IDLE_MS 600000 /* a link without slots is kept open for this long */
/* Links to workers that were never linked, opened at once; and one for each user without any. */
#define P2P_SCHEDULE_CLAIMS_MAX 32
#define P2P_SCHEDULE_NEVER UINT64_MAX

enum p2p_schedule_link {
  P2P_SCHEDULE_NONE,    /* no link; one may be opened from retry_at_ms on */
  P2P_SCHEDULE_OPENING, /* since since_ms */
  P2P_SCHEDULE_OPEN
};

struct p2p_schedule_worker {
  enum p2p_schedule_link link;
  uint64_t retry_at_ms; /* NONE */
  uint32_t taken;       /* NONE: slots with a task of somebody else, as far as known, or all while
                           the worker takes nothing new */
  uint64_t since_ms;    /* OPENING */
  uint32_t slots;       /* in all */
  bool is_claim;        /* it was never linked: its hello may be made up */
  uint32_t user;        /* of a claim: index of its user */
  uint32_t eligible;    /* waiting tasks that it may be able to run */
  uint32_t confirmed;   /* of these, tasks that it certainly can run */
  /* OPEN: */
  uint32_t held, busy;   /* slots that are ours; of these, with a task */
  uint32_t recalled;     /* of those held, that the worker wants back */
  uint32_t requested;    /* slots in the latest request */
  uint64_t requested_ms; /* time of that request or of the latest grant */
  uint32_t cool, cold;   /* slots idle for P2P_SCHEDULE_COOL_MS; for P2P_SCHEDULE_WARM_MS */
  uint64_t next_cool_ms; /* when either count grows; NEVER */
  uint64_t used_ms;      /* when the latest task ended, or the link was opened */
};

struct p2p_schedule_user {
  uint32_t failures; /* to link to its claims, in a row */
  uint32_t opening;  /* links to its claims; set by p2p_schedule_decide */
};

struct p2p_schedule {
  uint64_t now_ms;
  uint32_t waiting;   /* tasks */
  uint32_t slots_max; /* slots used at once; 0: no limit */
  bool may_open;      /* links can be opened now */
  uint32_t links_min; /* open this many links at once in any case, for a task that no linked worker
                         can run */
  const struct p2p_schedule_worker *workers; /* compatible or linked ones */
  size_t length;
  struct p2p_schedule_user *users; /* of the claims */
};

/* What to do with one worker. */
struct p2p_schedule_step {
  bool open, close;      /* the link */
  uint32_t start;        /* this many of the oldest waiting tasks that it certainly can run */
  bool send_request;     /* for slots; before the return, or the worker would grant them again */
  uint32_t request;      /* slots in all */
  uint32_t return_slots; /* this many idle slots */
};

/* Fills one step per worker. Returns when to decide again if nothing changes before;
 * P2P_SCHEDULE_NEVER: no need to. */
uint64_t p2p_schedule_decide(const struct p2p_schedule *schedule, struct p2p_schedule_step *steps);

#endif
