/* Devices that wait for the key of a cluster. Each request is queued once; their number and their
 * rate are limited. Pure. */
#ifndef P2P_BOARD_ENROL_QUEUE_H
#define P2P_BOARD_ENROL_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol/enrolment.h"

#define P2P_ENROL_QUEUE_MAX 64
#define P2P_ENROL_PER_SECOND 16

struct p2p_enrol_queue { /* starts as zeros */
  struct p2p_enrol requests[P2P_ENROL_QUEUE_MAX];
  size_t n;
  uint64_t second_ms; /* when the current second began */
  unsigned taken;     /* in it */
};

/* Adds a request. False if it is in the queue already, or the queue is full. */
bool p2p_enrol_queue_put(struct p2p_enrol_queue *queue, const struct p2p_enrol *request);
/* Takes the oldest request. False if the queue is empty, or if the request must wait: then *wait_ms
 * is above 0. */
bool p2p_enrol_queue_take(struct p2p_enrol_queue *queue, uint64_t now_ms, struct p2p_enrol *out,
                          uint64_t *wait_ms);

#endif
