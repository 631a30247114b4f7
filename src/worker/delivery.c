/* Nothing is promised to the evaluator before it is known to arrive: so the end of another task
 * can only change where a part comes from. */
#include "worker/delivery.h"

static bool has(uint32_t mask, uint32_t i) { return mask >> i & 1; }

void p2p_delivery_need(struct p2p_delivery *delivery, uint32_t mask) {
  delivery->waits = true;
  delivery->sent = mask;
}

/* Chooses where each part comes from. False: it is not known yet. */
static bool choose(struct p2p_delivery *delivery) {
  uint32_t stored = 0;
  for (uint32_t i = 0; i < delivery->parts->n; i++) {
    if (!has(delivery->sent, i)) continue;
    enum p2p_stored state = p2p_part_store_find(delivery->store, &delivery->parts->list[i]);
    if (state == P2P_STORED_ARRIVES) return false;
    if (state == P2P_STORED_WHOLE) stored |= UINT32_C(1) << i;
  }
  delivery->waits = false;
  delivery->stored = stored;
  delivery->sent &= ~stored;
  for (uint32_t i = 0; i < delivery->parts->n; i++)
    if (has(delivery->sent, i))
      p2p_part_store_begin(delivery->store, &delivery->parts->list[i], delivery);
  return true;
}

/* Says which come first. */
static void reply(uint32_t stored, struct p2p_evaluator *evaluator, uint32_t task) {
  uint8_t payload[P2P_NEED_LEN];
  p2p_need_write(stored, payload);
  const struct p2p_frame frame = {P2P_FRAME_NEED, task, sizeof payload, payload};
  (void)p2p_evaluator_data(evaluator, &frame);
}

/* False: the evaluator is slow. */
static bool feed(struct p2p_delivery *delivery, struct p2p_evaluator *evaluator, uint32_t task) {
  int i = p2p_part_first(delivery->stored);
  const struct p2p_task_part *part = &delivery->parts->list[i];
  struct p2p_frame data = {P2P_FRAME_DATA, task, 0, NULL};
  size_t length = p2p_part_store_span(delivery->store, part, delivery->at, &data.payload);
  data.length = length < P2P_FRAME_PAYLOAD_MAX ? (uint32_t)length : P2P_FRAME_PAYLOAD_MAX;
  delivery->at += data.length;
  if (delivery->at == part->size) {
    delivery->stored &= ~(UINT32_C(1) << i);
    delivery->at = 0;
  }
  return p2p_evaluator_data(evaluator, &data) == P2P_EVALUATOR_KEEPS_UP;
}

bool p2p_delivery_step(struct p2p_delivery *delivery, struct p2p_evaluator *evaluator,
                       uint32_t task) {
  if (delivery->waits) {
    bool has_any = delivery->sent != 0;
    if (!choose(delivery)) return false;
    if (has_any) reply(delivery->stored, evaluator, task);
  }
  while (delivery->stored != 0)
    if (!feed(delivery, evaluator, task)) break;
  return delivery->stored == 0;
}

const char *p2p_delivery_received(struct p2p_delivery *delivery, const struct p2p_frame *data,
                                  bool *is_whole) {
  *is_whole = false;
  if (delivery->waits || delivery->stored != 0) return "sent data that nobody has asked for";
  if (delivery->sent == 0) return NULL; /* of the object */
  int i = p2p_part_first(delivery->sent);
  const struct p2p_task_part *part = &delivery->parts->list[i];
  if (data->length > part->size - delivery->at) return "sent a frame with bytes of two objects";
  p2p_part_store_append(delivery->store, part, delivery, data->payload, data->length);
  delivery->at += data->length;
  if (delivery->at < part->size) return NULL;
  delivery->sent &= ~(UINT32_C(1) << i);
  delivery->at = 0;
  *is_whole = true;
  return NULL;
}

bool p2p_delivery_names(const struct p2p_delivery *delivery, const struct p2p_task_part *part) {
  for (uint32_t i = 0; i < delivery->parts->n; i++)
    if (p2p_task_part_is_same(&delivery->parts->list[i], part)) return true;
  return false;
}
