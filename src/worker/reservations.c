/* Reservations of a worker. */
#include "worker/reservations.h"

void p2p_reservations_init(struct p2p_reservations *reservations, const struct p2p_amounts *all,
                           const struct p2p_cpus *cpus) {
  *reservations = (struct p2p_reservations){.left = *all, .cpus = *cpus};
  for (uint32_t i = 0; i < all->gpus && i < P2P_GPUS_MAX; i++)
    reservations->gpus |= UINT64_C(1) << i;
}

/* Those with the lowest numbers. */
static uint64_t take_gpus(struct p2p_reservations *reservations, uint32_t count) {
  uint64_t taken = 0;
  for (; count > 0; count--) {
    uint64_t lowest = reservations->gpus & -reservations->gpus;
    taken |= lowest;
    reservations->gpus &= ~lowest;
  }
  return taken;
}

void p2p_reservations_add(struct p2p_reservations *reservations,
                          struct p2p_reservation *reservation) {
  struct p2p_reservation **at = &reservations->first;
  while (*at != NULL) at = &(*at)->next;
  reservation->next = NULL;
  reservation->is_granted = false;
  *at = reservation;
}

void p2p_reservations_remove(struct p2p_reservations *reservations,
                             const struct p2p_reservation *reservation) {
  struct p2p_reservation **at = &reservations->first;
  while (*at != NULL && *at != reservation) at = &(*at)->next;
  if (*at == NULL) return;
  *at = reservation->next;
  if (!reservation->is_granted) return;
  p2p_amounts_add(&reservations->left, &reservation->amounts);
  p2p_cpus_give(&reservations->cpus, &reservation->cpus);
  reservations->gpus |= reservation->gpus;
}

struct p2p_reservation *p2p_reservations_waiting(const struct p2p_reservations *reservations,
                                                 const struct p2p_reservation *after) {
  struct p2p_reservation *next = after != NULL ? after->next : reservations->first;
  while (next != NULL && next->is_granted) next = next->next;
  return next;
}

struct p2p_reservation *p2p_reservations_grant(struct p2p_reservations *reservations) {
  struct p2p_reservation *next = p2p_reservations_waiting(reservations, NULL);
  if (next == NULL || p2p_amounts_count(&reservations->left, &next->amounts) == 0) return NULL;
  p2p_amounts_subtract(&reservations->left, &next->amounts);
  p2p_cpus_take(&reservations->cpus, next->amounts.cores, &next->cpus);
  next->gpus = take_gpus(reservations, next->amounts.gpus);
  next->is_granted = true;
  return next;
}

void p2p_reservations_of_others(const struct p2p_reservations *reservations, size_t client,
                                struct p2p_amounts *out) {
  *out = (struct p2p_amounts){0};
  for (const struct p2p_reservation *at = reservations->first; at != NULL; at = at->next)
    if (at->is_granted && at->client != client) p2p_amounts_add(out, &at->amounts);
}
