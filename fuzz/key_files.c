/* Files of keys and of the ledger, and invitations: what a reader accepts is written back byte for
 * byte. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "keys/device.h"
#include "keys/invitation.h"
#include "keys/members_text.h"
#include "keys/membership.h"
#include "ledger/ledger_text.h"

#define CLUSTER "alice/friends"

static void check_same(const struct p2p_buf *written, const struct p2p_buf *contents) {
  if (p2p_buf_len(written) != p2p_buf_len(contents) ||
      memcmp(p2p_buf_data(written), p2p_buf_data(contents), p2p_buf_len(written)) != 0)
    __builtin_trap();
}

static void check_membership(const struct p2p_buf *contents) {
  struct p2p_membership membership;
  struct p2p_buf written;
  p2p_buf_init(&written, p2p_buf_len(contents));
  if (p2p_membership_parse(contents, CLUSTER, &membership) == P2P_OK) {
    if (p2p_membership_format(&membership, CLUSTER, &written) != P2P_OK) __builtin_trap();
    check_same(&written, contents);
  }
  p2p_buf_clear(&written);
}

static void check_members(const struct p2p_buf *contents) {
  struct p2p_members members;
  struct p2p_buf written;
  p2p_buf_init(&written, p2p_buf_len(contents));
  p2p_members_init(&members);
  if (p2p_members_parse(contents, &members) == P2P_OK) {
    if (p2p_members_format(&members, &written) != P2P_OK) __builtin_trap();
    check_same(&written, contents);
  }
  p2p_members_clear(&members);
  p2p_buf_clear(&written);
}

static void check_ledger(const struct p2p_buf *contents) {
  struct p2p_ledger ledger = {0};
  struct p2p_buf written;
  p2p_buf_init(&written, p2p_buf_len(contents));
  if (p2p_ledger_text_read(contents, &ledger) == P2P_OK) {
    if (p2p_ledger_text_write(&ledger, &written) != P2P_OK) __builtin_trap();
    check_same(&written, contents);
  }
  p2p_ledger_clear(&ledger);
  p2p_buf_clear(&written);
}

static void check_invitation(const uint8_t *bytes, size_t length) {
  struct p2p_invitation invitation;
  char *text = malloc(length + 1), written[P2P_INVITATION_TEXT_MAX];
  memcpy(text, bytes, length);
  text[length] = '\0';
  if (p2p_invitation_read(text, &invitation, NULL) == P2P_OK &&
      (p2p_invitation_write(&invitation, written) != P2P_OK || strcmp(written, text) != 0))
    __builtin_trap();
  free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
  struct p2p_buf contents;
  struct p2p_device device;
  p2p_buf_init(&contents, length);
  if (p2p_buf_put(&contents, bytes, length) != P2P_OK) __builtin_trap();
  (void)!p2p_device_parse(&contents, &device);
  check_membership(&contents);
  check_members(&contents);
  check_ledger(&contents);
  check_invitation(bytes, length);
  p2p_buf_clear(&contents);
  return 0;
}
