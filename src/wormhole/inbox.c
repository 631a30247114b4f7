/* The peer's messages, until it is their turn. */
#include "wormhole/inbox.h"

#include <stdlib.h>

#include "base/encode.h"

static bool is_known(const struct p2p_inbox *inbox, unsigned ordinal) {
  for (size_t i = 0; i < inbox->n_ahead; i++)
    if (inbox->ahead[i].ordinal == ordinal)
      return true;
  return ordinal < inbox->next;
}

int p2p_inbox_put(struct p2p_inbox *inbox, unsigned ordinal, const char *hex, size_t hex_length, struct p2p_err *err) {
  size_t size = hex_length / 2, length = 0;

  if (is_known(inbox, ordinal))
    return P2P_OK;
  if (size > P2P_INBOX_BODY_MAX || inbox->n_ahead == P2P_INBOX_AHEAD_MAX)
    return p2p_err_set(err, P2P_ERR_PROTOCOL, "The mailbox is filled with more than a peer has to say");
  uint8_t *body = malloc(size + 1);
  if (body == NULL)
    return p2p_err_set(err, P2P_ERR_MEMORY, "Out of memory");
  if (hex == NULL || p2p_hex_decode(hex, hex_length, body, size, &length) != P2P_OK) {
    free(body);
    return p2p_err_set(err, P2P_ERR_PROTOCOL, "A message in the mailbox is not in hexadecimal form");
  }
  inbox->ahead[inbox->n_ahead++] = (struct p2p_inbox_message){ ordinal, body, length };
  return P2P_OK;
}

bool p2p_inbox_take(struct p2p_inbox *inbox, struct p2p_inbox_message *out) {
  for (size_t i = 0; i < inbox->n_ahead; i++) {
    if (inbox->ahead[i].ordinal != inbox->next)
      continue;
    *out = inbox->ahead[i];
    inbox->next++;
    inbox->ahead[i] = inbox->ahead[--inbox->n_ahead];
    return true;
  }
  return false;
}

void p2p_inbox_clear(struct p2p_inbox *inbox) {
  while (inbox->n_ahead > 0)
    free(inbox->ahead[--inbox->n_ahead].body);
}
