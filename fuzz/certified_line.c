/* Certified lines. The first two bytes choose a byte of the signed line and its change, the rest is
 * a line. As it is, nobody has signed it; with our badge it is believed, and with a changed byte it
 * is not. */
#include <string.h>

#include "crypto/random.h"
#include "fuzz.h"
#include "protocol/certified_line.h"

static struct p2p_credentials ours;
static struct p2p_line line, changed;
static struct p2p_line_badge badge;

static void prepare(void) {
  struct p2p_sign_secret owner = {{1}};
  if (ours.user[0] != '\0') return;
  if (p2p_crypto_init() != P2P_OK) __builtin_trap();
  ours = (struct p2p_credentials){
      .cluster = "alice/friends", .key.epoch = 1, .user = "carol", .device_secret = {{2}}};
  p2p_sign_public_of(&owner, &ours.owner);
  p2p_sign_public_of(&ours.device_secret, &ours.device);
  struct p2p_certificate certificate = {ours.cluster, 1, ours.user, ours.device};
  p2p_certificate_sign(&certificate, &owner, ours.certificate);
}

static void check_changed(const uint8_t *choice) {
  static char text[P2P_LINE_MAX + 1];
  long length = p2p_line_format(&line, text, sizeof text);
  if (length <= 0) __builtin_trap();
  text[(choice[0] * 31u) % (unsigned)(length - 1)] ^= choice[1];
  if (choice[1] != 0 && p2p_line_parse(text, (size_t)length - 1, &changed) == P2P_OK &&
      p2p_certified_line_check(&changed, &ours, NULL, &badge))
    __builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
  struct p2p_identity from;
  char user[P2P_USER_NAME_MAX];
  prepare();
  if (length < 2 || p2p_line_parse((const char *)bytes + 2, length - 2, &line) != P2P_OK) return 0;
  if (p2p_certified_line_check(&line, &ours, NULL, &badge)) __builtin_trap();
  bool has_badge = p2p_line_get(&line, "number") != NULL || p2p_line_get(&line, "device") != NULL ||
                   p2p_line_get(&line, "certificate") != NULL ||
                   p2p_line_get(&line, "proof") != NULL;
  if (!p2p_line_sender(&line, &from) || p2p_certified_line_sign(&line, &ours, 7) != P2P_OK)
    return 0;
  if (has_badge) return 0; /* the first of two pairs counts: we have signed somebody's badge */
  p2p_member_name_user(from.name, user);
  bool is_ours = strcmp(user, ours.user) == 0;
  if (p2p_certified_line_check(&line, &ours, NULL, &badge) != is_ours) __builtin_trap();
  if (is_ours && badge.number != 7) __builtin_trap();
  if (is_ours) check_changed(bytes);
  return 0;
}
