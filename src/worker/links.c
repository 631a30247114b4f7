/* What is known of the links of a worker, for others to decide. */
#include "worker/links.h"

#include <stdio.h>
#include <string.h>

#include "proc/affinity.h"
#include "worker/client_tasks.h"

void p2p_links_init(struct p2p_links *links, const struct p2p_machine *machine) {
  struct p2p_resources all;
  struct p2p_cpus cpus;
  p2p_machine_resources(machine, &all);
  p2p_affinity_get(&cpus);
  p2p_reservations_init(&links->reservations, &all.amounts, &cpus);
}

bool p2p_links_has_namesake(const struct p2p_links *links, const struct p2p_identity *client) {
  for (size_t i = 0; i < P2P_SLOTS_CLIENTS_MAX; i++) {
    if (links->of[i] == NULL) continue;
    const struct p2p_identity *other = p2p_client_link_identity(links->of[i]);
    if (strcmp(other->name, client->name) == 0 && strcmp(other->id, client->id) != 0) return true;
  }
  return false;
}

int p2p_links_choose(const struct p2p_links *links, const struct p2p_slots *slots,
                     const struct p2p_identity *client, uint64_t now_ms) {
  struct p2p_admission_place places[P2P_SLOTS_CLIENTS_MAX] = {0};
  for (size_t i = 0; i < P2P_SLOTS_CLIENTS_MAX; i++) {
    const struct p2p_client_link *link = links->of[i];
    const struct p2p_slots_client *use = &slots->clients[i];
    if (link == NULL) continue;
    places[i] = (struct p2p_admission_place){
        .is_taken = true,
        .is_open = p2p_client_link_is_open(link),
        .is_confirmed = p2p_client_link_is_confirmed(link),
        .is_of_client = strcmp(p2p_client_link_identity(link)->id, client->id) == 0,
        .is_used = use->want > 0 || use->held > 0,
        .has_slot = use->held > 0,
        .crowd = p2p_slots_crowd(slots, i),
        .since_ms = use->used_ms > 0 ? use->used_ms : links->started_ms[i]};
  }
  return p2p_admission_choose(places, P2P_SLOTS_CLIENTS_MAX, now_ms);
}

int p2p_links_find(const struct p2p_links *links, const struct p2p_sign_public *devices,
                   size_t n_devices) {
  for (int i = 0; i < P2P_SLOTS_CLIENTS_MAX; i++)
    if (links->of[i] != NULL &&
        p2p_device_is_among(p2p_client_link_device(links->of[i]), devices, n_devices))
      return i;
  return -1;
}

static void send_back(struct p2p_links *links, const struct p2p_slots *slots) {
  struct p2p_reservation *next = p2p_reservations_waiting(&links->reservations, NULL), *at;
  while ((at = next) != NULL) {
    next = p2p_reservations_waiting(&links->reservations, at);
    if (slots->closed || slots->clients[at->client].barred)
      p2p_client_tasks_send_back(at, "the worker takes nothing new");
  }
}

void p2p_links_start_tasks(struct p2p_links *links, const struct p2p_slots *slots) {
  struct p2p_reservation *granted;
  send_back(links, slots);
  while ((granted = p2p_reservations_grant(&links->reservations)) != NULL)
    p2p_client_tasks_start(granted);
}

void p2p_links_report(const struct p2p_links *links, struct p2p_worker_report *out) {
  for (size_t i = 0; i < P2P_SLOTS_CLIENTS_MAX; i++) {
    const struct p2p_client_link *link = links->of[i];
    uint32_t count = link != NULL ? p2p_client_link_running(link, &out->ended.lent_ms) : 0;
    if (count == 0) continue;
    out->running[out->n_running].count = count;
    snprintf(out->running[out->n_running++].user, P2P_MEMBER_NAME_MAX, "%s",
             p2p_client_link_user(link));
  }
}
