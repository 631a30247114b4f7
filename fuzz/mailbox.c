/* Texts of a mailbox server, with newlines between them. After an empty one, the connection is lost
 * and the next text comes from a new one. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "wormhole/mailbox.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
  struct p2p_mailbox *mailbox;
  struct p2p_mailbox_event event;
  struct p2p_err err;
  char *text;

  int code = length % 8 == 4 ? p2p_mailbox_new_with_id("appid", "side",
                                                       "00112233445566778899aabbccddeeff", &mailbox)
                             : p2p_mailbox_new("appid", "side", length % 2 ? "7" : NULL, &mailbox);
  if (code != P2P_OK) return 0;
  while (length > 0) {
    const uint8_t *end = memchr(bytes, '\n', length);
    size_t part = end == NULL ? length : (size_t)(end - bytes);
    code = P2P_OK;
    if (part == 0)
      p2p_mailbox_reconnect(mailbox);
    else
      code = p2p_mailbox_receive(mailbox, (const char *)bytes, part, &err);
    while ((text = p2p_mailbox_pop_text(mailbox)) != NULL) free(text);
    while (p2p_mailbox_pop_event(mailbox, &event)) free(event.body);
    if (code != P2P_OK) break;
    (void)!p2p_mailbox_add(mailbox, bytes, part % 64);
    bytes += end == NULL ? length : part + 1;
    length -= end == NULL ? length : part + 1;
  }
  p2p_mailbox_close(mailbox, P2P_MOOD_ERRORY);
  p2p_mailbox_free(mailbox);
  return 0;
}
