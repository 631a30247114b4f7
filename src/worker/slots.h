/* Shares a worker's slots out between its clients: who holds how many, who wants more, whose turn
 * it is. Clients of one user share what one client would get. A pure state machine: time is an
 * argument, and what to send to which client is returned as steps. */
#ifndef P2P_WORKER_SLOTS_H
#define P2P_WORKER_SLOTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/member_name.h"

#define P2P_SLOTS_CLIENTS_MAX 64
/* A slot is not recalled sooner after its grant, so that its new holder can use it. */
#define P2P_SLOTS_FRESH_MS 250
/* A client breaks the protocol when it keeps a recalled slot idle for this long, or any slot idle
 * while others wait and none of its tasks ends. No task starts on a slot that was
 * recalled this long ago. */
#define P2P_SLOTS_OVERDUE_MS 15000
#define P2P_SLOTS_NEVER UINT64_MAX

struct p2p_slots_client {
  bool present;
  bool barred;                  /* gets no slots */
  char user[P2P_USER_NAME_MAX]; /* "": not known */
  size_t group;                 /* the same for clients of one user, below P2P_SLOTS_CLIENTS_MAX */
  uint32_t want;                /* slots that it has work for, in all */
  uint32_t held;                /* granted and not returned */
  uint32_t busy;                /* of these, with a task */
  uint32_t recalled;            /* of these, recalled */
  uint32_t fresh; /* of these, granted and not used yet; counts until fresh_until_ms */
  uint64_t fresh_until_ms;
  uint64_t idle_since_ms;     /* when a slot last became idle */
  uint64_t recalled_since_ms; /* when a slot was last recalled */
  bool owes;                  /* a recalled slot is idle and has not been returned */
  uint64_t owes_since_ms;
  uint64_t used_ms; /* when it last wanted or held a slot, as of p2p_slots_next; 0: never */
  uint64_t turn;    /* the turn in which it was last granted a slot */
};

struct p2p_slots {
  uint32_t available; /* evaluators that are ready or evaluate for a client */
  bool closed;
  uint32_t share; /* of one user, at most; 0: no limit */
  uint64_t turn;
  struct p2p_slots_client clients[P2P_SLOTS_CLIENTS_MAX];
};

enum p2p_slots_op {
  P2P_SLOTS_GRANT,  /* send the client a GRANT for one more slot */
  P2P_SLOTS_RECALL, /* send the client a RECALL for `count` slots */
  P2P_SLOTS_EVICT   /* end the link: see P2P_SLOTS_OVERDUE_MS */
};
struct p2p_slots_step {
  enum p2p_slots_op op;
  size_t client;
  uint32_t count;
};

void p2p_slots_init(struct p2p_slots *slots);
void p2p_slots_set_available(struct p2p_slots *slots, uint32_t available);
/* Ends all grants; every slot that is held is recalled. */
void p2p_slots_close(struct p2p_slots *slots, uint64_t now_ms);
/* How many slots the clients of one user may hold at a time, 0: any number. More than these are
 * recalled. */
void p2p_slots_set_share(struct p2p_slots *slots, uint32_t share);
/* Whether this client gets no slots, until it is called again; those that it holds are recalled. */
void p2p_slots_bar(struct p2p_slots *slots, size_t client, bool barred, uint64_t now_ms);
uint32_t p2p_slots_held(const struct p2p_slots *slots); /* by all clients */

bool p2p_slots_are_wanted(const struct p2p_slots *slots); /* by any client */

/* Adds a client and returns its number, or -1 when there are P2P_SLOTS_CLIENTS_MAX already. */
int p2p_slots_add(struct p2p_slots *slots);
/* The user who a client is of, by its certificate. Until then, it counts as one of its own. */
void p2p_slots_set_user(struct p2p_slots *slots, size_t client, const char *user);
/* The number of clients of the same user, this one included. */
size_t p2p_slots_crowd(const struct p2p_slots *slots, size_t client);
/* Removes a client and releases its slots. */
void p2p_slots_remove(struct p2p_slots *slots, size_t client);

void p2p_slots_want(struct p2p_slots *slots, size_t client, uint32_t count);
/* The client returns idle slots. False, without an effect, when it has fewer. */
bool p2p_slots_return(struct p2p_slots *slots, size_t client, uint32_t count);
/* A task starts on an idle slot of the client. False when it has none, or only slots that were
 * recalled P2P_SLOTS_OVERDUE_MS ago. */
bool p2p_slots_start_task(struct p2p_slots *slots, size_t client, uint64_t now_ms);
void p2p_slots_end_task(struct p2p_slots *slots, size_t client, uint64_t now_ms);

/* Returns the next step, which then counts as done; false when there is none. Call it until then
 * after every change. */
bool p2p_slots_next(struct p2p_slots *slots, uint64_t now_ms, struct p2p_slots_step *step);
/* When to call p2p_slots_next again if nothing changes before; P2P_SLOTS_NEVER. */
uint64_t p2p_slots_deadline(const struct p2p_slots *slots, uint64_t now_ms);

#endif
