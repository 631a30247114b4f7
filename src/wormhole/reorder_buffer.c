/* The peer's messages that wait for their turn. */
#include "wormhole/reorder_buffer.h"

#include <stdlib.h>

#include "base/encode.h"

static bool is_known(const struct p2p_reorder_buffer *reorder, unsigned ordinal) {
  for (size_t i = 0; i < reorder->n_ahead; i++)
    if (reorder->ahead[i].ordinal == ordinal) return true;
  return ordinal < reorder->next;
}

int p2p_reorder_buffer_put(struct p2p_reorder_buffer *reorder, unsigned ordinal, const char *hex,
                           size_t hex_length, struct p2p_err *err) {
  size_t size = hex_length / 2, length = 0;

  if (is_known(reorder, ordinal)) return P2P_OK;
  if (size > P2P_REORDER_BUFFER_BODY_MAX || reorder->n_ahead == P2P_REORDER_BUFFER_AHEAD_MAX)
    return p2p_err_set(err, P2P_ERR_PROTOCOL,
                       "the mailbox holds more messages than the protocol allows");
  uint8_t *body = malloc(size + 1);
  if (body == NULL) return p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
  if (hex == NULL || p2p_hex_decode(hex, hex_length, body, size, &length) != P2P_OK) {
    free(body);
    return p2p_err_set(err, P2P_ERR_PROTOCOL, "a message in the mailbox is not hexadecimal");
  }
  reorder->ahead[reorder->n_ahead++] = (struct p2p_reorder_buffer_message){ordinal, body, length};
  return P2P_OK;
}

bool p2p_reorder_buffer_pop(struct p2p_reorder_buffer *reorder,
                            struct p2p_reorder_buffer_message *out) {
  for (size_t i = 0; i < reorder->n_ahead; i++) {
    if (reorder->ahead[i].ordinal != reorder->next) continue;
    *out = reorder->ahead[i];
    reorder->next++;
    reorder->ahead[i] = reorder->ahead[--reorder->n_ahead];
    return true;
  }
  return false;
}

void p2p_reorder_buffer_clear(struct p2p_reorder_buffer *reorder) {
  while (reorder->n_ahead > 0) free(reorder->ahead[--reorder->n_ahead].body);
}
