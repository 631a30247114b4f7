/* Requests in the order in which they arrived. */
#include "board/enrol_queue.h"

#include <string.h>

#define SECOND_MS 1000

static bool is_same(const struct p2p_enrol *a, const struct p2p_enrol *b) {
  return strcmp(a->from.id, b->from.id) == 0 && strcmp(a->from.name, b->from.name) == 0 &&
         p2p_sign_same(&a->device, &b->device) && a->is_invited == b->is_invited &&
         (!a->is_invited || p2p_sign_same(&a->invitation, &b->invitation));
}

bool p2p_enrol_queue_put(struct p2p_enrol_queue *queue, const struct p2p_enrol *request) {
  if (queue->n == P2P_ENROL_QUEUE_MAX) return false;
  for (size_t i = 0; i < queue->n; i++)
    if (is_same(&queue->requests[i], request)) return false;
  queue->requests[queue->n++] = *request;
  return true;
}

bool p2p_enrol_queue_take(struct p2p_enrol_queue *queue, uint64_t now_ms, struct p2p_enrol *out,
                          uint64_t *wait_ms) {
  *wait_ms = 0;
  if (queue->n == 0) return false;
  if (now_ms - queue->second_ms >= SECOND_MS) {
    queue->second_ms = now_ms;
    queue->taken = 0;
  }
  if (queue->taken == P2P_ENROL_PER_SECOND) {
    *wait_ms = queue->second_ms + SECOND_MS - now_ms;
    return false;
  }
  queue->taken++;
  *out = queue->requests[0];
  queue->n--;
  memmove(queue->requests, queue->requests + 1, queue->n * sizeof queue->requests[0]);
  return true;
}
