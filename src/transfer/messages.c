/* The messages of a file transfer. */
#include "transfer/messages.h"

#include <stdlib.h>
#include <string.h>

/* Sends and frees `text`, if `code`, the result of its formatting, is P2P_OK. */
static int send_text(struct p2p_wormhole *wormhole, int code, char *text, struct p2p_err *err) {
  if (code == P2P_OK) code = p2p_wormhole_send(wormhole, text, strlen(text));
  free(text);
  return code == P2P_OK ? P2P_OK
                        : p2p_err_set(err, code, "cannot send a message to the other side");
}

int p2p_messages_send_offer(struct p2p_wormhole *wormhole,
                            const struct p2p_negotiation *negotiation,
                            const struct p2p_hints *hints, struct p2p_err *err) {
  char *text = NULL;
  int code = P2P_OK;

  if (hints != NULL) {
    code = p2p_hints_format(hints, &text);
    code = send_text(wormhole, code, text, err);
    if (code != P2P_OK) return code;
  }
  text = NULL;
  code = p2p_negotiation_format(negotiation, &text);
  return send_text(wormhole, code, text, err);
}

void p2p_messages_send_error(struct p2p_wormhole *wormhole, int code) {
  char *text = NULL;

  if (wormhole == NULL) return;
  int formatted = p2p_offer_format_error(code, &text);
  (void)!send_text(wormhole, formatted, text, NULL);
}
