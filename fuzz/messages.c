/* Messages of a file transfer, the names in them, and receipts. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "transfer/negotiation.h"
#include "transfer/receipt.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
  static const uint8_t hash[P2P_SHA256_LEN];
  struct p2p_negotiation sender = {.is_sender = true, .is_confirmed = true},
                         receiver = {.is_confirmed = true};
  struct p2p_err err;

  (void)p2p_negotiation_next(&sender);
  for (int i = 0; i < 2; i++) {
    int code = p2p_negotiation_receive(&sender, (const char *)bytes, length, &err);
    if (code == P2P_OK)
      code = p2p_negotiation_receive(&receiver, (const char *)bytes, length, &err);
    (void)code;
    (void)p2p_negotiation_next(&sender);
    (void)p2p_negotiation_next(&receiver);
  }
  if (strchr(receiver.name, '/') != NULL) __builtin_trap();
  p2p_negotiation_clear(&sender);
  p2p_negotiation_clear(&receiver);
  if (p2p_receipt_check(bytes, length, hash, &err) == P2P_OK) return 0;
  return 0;
}
