/* Messages to the other side of a file transfer, from the terms to the wormhole. */
#include "transfer/messages.h"

#include <stdlib.h>
#include <string.h>

/* Sends and frees `text`, if it could be `formatted`. */
static int say(struct p2p_wormhole *wormhole, int formatted, char *text, struct p2p_err *err) {
  int code = formatted == P2P_OK ? p2p_wormhole_send(wormhole, text, strlen(text)) : formatted;

  free(text);
  return code == P2P_OK ? code
                        : p2p_err_set(err, code, "A message to the other side cannot be sent");
}

static int format_terms(const struct p2p_negotiation *negotiation, char **out) {
  if (!negotiation->is_sender) return p2p_offer_format_answer(negotiation->is_text, out);
  if (negotiation->is_text)
    return p2p_offer_format_text(negotiation->text, negotiation->text_length, out);
  return p2p_offer_format_file(negotiation->name, negotiation->size_bytes, out);
}

int p2p_transfer_message_send(struct p2p_wormhole *wormhole,
                              const struct p2p_negotiation *negotiation,
                              const struct p2p_hints *ours, struct p2p_err *err) {
  char *text = NULL;

  if (ours != NULL) {
    int formatted = p2p_hints_format(ours, &text);
    int code = say(wormhole, formatted, text, err);
    if (code != P2P_OK) return code;
  }
  text = NULL;
  int formatted = format_terms(negotiation, &text);
  return say(wormhole, formatted, text, err);
}

void p2p_transfer_message_give_up(struct p2p_wormhole *wormhole, int code) {
  char *text = NULL;

  if (p2p_offer_format_error(code, &text) == P2P_OK)
    (void)!p2p_wormhole_send(wormhole, text, strlen(text));
  free(text);
}
