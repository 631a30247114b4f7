/* Ids and names of members. */
#include "protocol/identity.h"

#include <stdio.h>
#include <string.h>

#include "base/encode.h"

bool p2p_member_id_is_valid(const char *text) {
  return p2p_hex_is_valid(text, P2P_IDENTITY_ID_MAX - 1);
}

bool p2p_identity_set(struct p2p_identity *out, const char *id, const char *name) {
  if (id == NULL || !p2p_member_id_is_valid(id) || name == NULL || !p2p_member_name_is_valid(name))
    return false;
  memcpy(out->id, id, sizeof out->id);
  snprintf(out->name, sizeof out->name, "%s", name);
  return true;
}

void p2p_identity_label(const struct p2p_identity *identity, bool is_ambiguous,
                        char out[P2P_IDENTITY_LABEL_MAX]) {
  snprintf(out, P2P_IDENTITY_LABEL_MAX, "%s%s%.4s", identity->name, is_ambiguous ? "#" : "",
           is_ambiguous ? identity->id : "");
}
