/* Who holds how many of a worker's slots, who wants more, and whose turn it is: a pure state
 * machine. Time is an argument; what is to be said to whom comes out as steps. */
#ifndef P2P_WORKER_SLOTS_H
#define P2P_WORKER_SLOTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define P2P_SLOTS_CLIENTS_MAX 64
/* A slot that was just granted is not asked back before its new holder could have used it. */
#define P2P_SLOTS_FRESH_MS 250
/* A client that keeps an idle slot for so long while another waits, or after all was asked back,
 * does not follow the protocol. */
#define P2P_SLOTS_OVERDUE_MS 15000
#define P2P_SLOTS_NEVER UINT64_MAX

struct p2p_slots_client {
  bool present;
  uint32_t want;     /* slots that it has work for, in all */
  uint32_t held;     /* granted and not returned */
  uint32_t busy;     /* of these, with a task */
  uint32_t recalled; /* of these, asked back */
  uint32_t fresh;    /* of these, granted and not used yet; counts until fresh_until_ms */
  uint64_t fresh_until_ms;
  uint64_t idle_since_ms; /* of the last slot that came to idle */
  uint64_t served;        /* the turn in which it was last granted one */
};

struct p2p_slots {
  uint32_t available; /* evaluators that are ready or at work for one who holds a slot */
  bool closed;
  uint64_t turn;
  struct p2p_slots_client clients[P2P_SLOTS_CLIENTS_MAX];
};

enum p2p_slots_op {
  P2P_SLOTS_GRANT,  /* tell the client that one more slot is its own */
  P2P_SLOTS_RECALL, /* ask the client to give `count` back */
  P2P_SLOTS_EVICT   /* end the link: see P2P_SLOTS_OVERDUE_MS */
};
struct p2p_slots_step {
  enum p2p_slots_op op;
  size_t client;
  uint32_t count;
};

void p2p_slots_init(struct p2p_slots *slots);
void p2p_slots_set_available(struct p2p_slots *slots, uint32_t available);
/* No grants any more; what is held is asked back. */
void p2p_slots_close(struct p2p_slots *slots, uint64_t now_ms);
uint32_t p2p_slots_held(const struct p2p_slots *slots); /* by all clients */

/* A new client; its number, or -1 when there are P2P_SLOTS_CLIENTS_MAX already. */
int p2p_slots_add(struct p2p_slots *slots);
/* Forgets a client and what it holds. */
void p2p_slots_remove(struct p2p_slots *slots, size_t client);

void p2p_slots_want(struct p2p_slots *slots, size_t client, uint32_t count);
/* False, and nothing changed, when the client has not so many idle slots. */
bool p2p_slots_give_back(struct p2p_slots *slots, size_t client, uint32_t count);
/* A task begins on an idle slot of the client. False when it has none. */
bool p2p_slots_begin(struct p2p_slots *slots, size_t client);
void p2p_slots_end(struct p2p_slots *slots, size_t client, uint64_t now_ms);

/* The next thing to do, noted as done; false when there is none now. Call it until then after every
 * change. */
bool p2p_slots_next(struct p2p_slots *slots, uint64_t now_ms, struct p2p_slots_step *step);
/* When to call it again if nothing changes before; P2P_SLOTS_NEVER. */
uint64_t p2p_slots_deadline(const struct p2p_slots *slots, uint64_t now_ms);

#endif
