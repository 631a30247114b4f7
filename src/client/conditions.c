/* A linked list of serialized conditions. */
#include "client/conditions.h"

#include <stdlib.h>

struct condition {
  struct p2p_blob *object;
  struct condition *next;
};

static bool has_room(const struct p2p_conditions *conditions, uint64_t size) {
  if (conditions->n == 0) return true;
  return conditions->n < P2P_CONDITIONS_MAX && size <= P2P_CONDITIONS_BYTES &&
         conditions->bytes <= P2P_CONDITIONS_BYTES - size;
}

bool p2p_conditions_put(struct p2p_conditions *conditions, struct p2p_blob *object) {
  struct condition *condition = calloc(1, sizeof *condition);
  uint64_t size = p2p_blob_size(object);
  if (condition == NULL || !has_room(conditions, size)) {
    free(condition);
    conditions->dropped++;
    return false;
  }
  condition->object = object;
  if (conditions->last != NULL)
    conditions->last->next = condition;
  else
    conditions->first = condition;
  conditions->last = condition;
  conditions->n++;
  conditions->bytes += size;
  return true;
}

struct p2p_blob *p2p_conditions_take(struct p2p_conditions *conditions) {
  struct condition *condition = conditions->first;
  if (condition == NULL) return NULL;
  struct p2p_blob *object = condition->object;
  conditions->first = condition->next;
  if (conditions->first == NULL) conditions->last = NULL;
  conditions->n--;
  conditions->bytes -= p2p_blob_size(object);
  free(condition);
  return object;
}

void p2p_conditions_clear(struct p2p_conditions *conditions) {
  struct p2p_blob *object;
  while ((object = p2p_conditions_take(conditions)) != NULL) p2p_blob_free(object);
}
