/* What a worker reports about its slots: their load by all clients, in its hello; and to each
 * linked client the load by the others, in LOAD frames. Pure: time is an argument. */
#ifndef P2P_WORKER_LOAD_REPORT_H
#define P2P_WORKER_LOAD_REPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "protocol/load.h"
#include "worker/slots.h"

/* The least time between two LOAD frames: to a client that wants more slots than it has, and to any
 * other one. */
#define P2P_LOAD_REPORT_SHORT_MS 1000
#define P2P_LOAD_REPORT_MS 5000

/* Adds the slots of one client to `load`; of none, if the client is not present. */
void p2p_load_report_add(struct p2p_load *load, const struct p2p_slots_client *client,
                         const char *user);

/* What was sent to one client. All zeros: nothing. */
struct p2p_load_report {
  struct p2p_load sent;
  uint64_t sent_ms;
};

/* Returns whether to send `load` to the client now; it then counts as sent. If it is too early for
 * that, *due_ms is moved to when to call again, if that is sooner. */
bool p2p_load_report_is_due(struct p2p_load_report *report, const struct p2p_load *load,
                            const struct p2p_slots_client *client, uint64_t now_ms,
                            uint64_t *due_ms);

#endif
