/* Questions about all links of a worker. io thread only. */
#ifndef P2P_WORKER_LINKS_H
#define P2P_WORKER_LINKS_H

#include "worker/admission.h"
#include "worker/client_link.h"
#include "worker/reservations.h"
#include "worker/slots.h"
#include "worker/tally.h"

struct p2p_links {
  struct p2p_client_link *of[P2P_SLOTS_CLIENTS_MAX]; /* by the client's number in the slots */
  uint64_t started_ms[P2P_SLOTS_CLIENTS_MAX];
  struct p2p_reservations reservations; /* for their tasks */
};

/* `machine`: what is lent. */
void p2p_links_init(struct p2p_links *links, const struct p2p_machine *machine);
/* Whether a link is to another client of the same name: its process is in a container, or it has
 * several clients. */
bool p2p_links_has_namesake(const struct p2p_links *links, const struct p2p_identity *client);
/* See p2p_admission_choose: the link that has to go before one to `client` is started. */
int p2p_links_choose(const struct p2p_links *links, const struct p2p_slots *slots,
                     const struct p2p_identity *client, uint64_t now_ms);
/* The number of a link to one of these devices; -1: there is none. */
int p2p_links_find(const struct p2p_links *links, const struct p2p_sign_public *devices,
                   size_t n_devices);
/* Starts the tasks that have got what they request, and sends those back that are in line while
 * their client gets no slots. */
void p2p_links_start_tasks(struct p2p_links *links, const struct p2p_slots *slots);
/* Adds the running futures of each link and the time that they took so far. */
void p2p_links_report(const struct p2p_links *links, struct p2p_worker_report *out);

#endif
