/* What to do next: a pure function of the tasks that wait and of the workers, with the time as an
 * argument. Not every worker can run every task: it deals in how many of those that wait one can.
 * It opens links only when tasks wait beyond the slots that are held and asked for, spreads tasks
 * over the workers, never uses more slots than allowed, and gives back what is recalled or was not
 * used for a while. */
#ifndef P2P_CLIENT_SCHEDULE_H
#define P2P_CLIENT_SCHEDULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define P2P_SCHEDULE_COOL_MS 250   /* an idle slot counts as work that we have for so long */
#define P2P_SCHEDULE_WARM_MS 10000 /* an idle slot is kept for the next task for so long */
#define P2P_SCHEDULE_PATIENCE_MS \
  1000 /* slots that are asked for, or a link that opens, are counted on for so long */
#define P2P_SCHEDULE_SETUP_MS 35000      /* from opening a link to the worker's hello over it */
#define P2P_SCHEDULE_LINK_IDLE_MS 600000 /* a link without slots is kept open for so long */
#define P2P_SCHEDULE_NEVER UINT64_MAX

enum p2p_schedule_link {
  P2P_SCHEDULE_NONE,    /* no link; one may be opened from retry_at_ms on */
  P2P_SCHEDULE_OPENING, /* since since_ms */
  P2P_SCHEDULE_OPEN
};

struct p2p_schedule_worker {
  enum p2p_schedule_link link;
  uint64_t retry_at_ms; /* NONE */
  uint64_t since_ms;    /* OPENING */
  uint32_t slots;       /* that it has in all */
  uint32_t suits;       /* of the tasks that wait: those that it can run, as far as known */
  uint32_t sure;        /* of these, those that it surely can */
  /* OPEN: */
  uint32_t held, busy; /* slots that are ours; of these, with a task */
  uint32_t recalled;   /* of those held, that it has asked back */
  uint32_t wanted;     /* that it was last told */
  uint64_t wanted_ms;  /* when it was told, or last granted some */
  uint32_t cool,
      cold; /* idle slots, unused for P2P_SCHEDULE_COOL_MS, of these for P2P_SCHEDULE_WARM_MS */
  uint64_t next_cool_ms; /* when there will be one more of either; NEVER */
  uint64_t used_ms;      /* when a task last ended, or the link was opened */
};

struct p2p_schedule {
  uint64_t now_ms;
  uint32_t waiting; /* tasks */
  uint32_t most;    /* slots used at once; 0: no cap */
  bool may_open;    /* new links */
  uint32_t search; /* so many links are opened at once in any case, for a task that no linked worker
                      can run */
  const struct p2p_schedule_worker *workers; /* compatible or linked ones */
  size_t length;
};

struct p2p_schedule_step {
  bool open, close; /* a link */
  uint32_t start;   /* so many of the tasks that wait and that it surely can run, oldest first */
  bool say_want; /* before `give_back`, so that the worker does not grant again what is returned */
  uint32_t want;
  uint32_t give_back; /* idle slots */
};

/* Fills one step for each worker; returns when to decide again if nothing happens before:
 * P2P_SCHEDULE_NEVER for not at all. */
uint64_t p2p_schedule_decide(const struct p2p_schedule *schedule, struct p2p_schedule_step *steps);

#endif
