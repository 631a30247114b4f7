/* Invitations as text. */
#include "keys/invitation.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/encode.h"
#include "base/span.h"
#include "crypto/secret_text.h"
#include "keys/text.h"

#define KIND "p2p-invitation-"
#define VERSION 1

int p2p_invitation_write(const struct p2p_invitation *invitation,
                         char out[P2P_INVITATION_TEXT_MAX]) {
  char cluster[P2P_BASE64_LEN(P2P_CLUSTER_TEXT_MAX) + 1];
  char board[P2P_BASE64_LEN(P2P_HOSTPORT_TEXT_MAX) + 1];
  char owner[P2P_BASE64_LEN(P2P_SIGN_KEY_LEN) + 1], seed[P2P_SECRET_TEXT_MAX];
  if (!p2p_key_cluster_is_valid(invitation->cluster) || !p2p_key_board_is_valid(invitation->board))
    return P2P_ERR_INVALID;
  p2p_base64url_encode((const uint8_t *)invitation->cluster, strlen(invitation->cluster), cluster);
  p2p_base64url_encode((const uint8_t *)invitation->board, strlen(invitation->board), board);
  p2p_base64url_encode(invitation->owner.bytes, sizeof invitation->owner.bytes, owner);
  p2p_secret_text_write(invitation->secret_key.bytes, seed);
  snprintf(out, P2P_INVITATION_TEXT_MAX, KIND "%d.%s.%s.%s.%s", VERSION, cluster, board, owner,
           seed);
  p2p_wipe(seed, sizeof seed);
  return P2P_OK;
}

/* Takes the field up to the next '.', or the rest. */
static struct p2p_span next_field(const char **at) {
  size_t length = strcspn(*at, ".");
  struct p2p_span field = P2P_SPAN(*at, length);
  *at += length + ((*at)[length] == '.');
  return field;
}

/* A text without NULs in base64url. */
static bool read_text(struct p2p_span field, char *out, size_t size) {
  size_t n;
  if (p2p_base64url_decode(field.bytes, field.length, (uint8_t *)out, size - 1, &n) != P2P_OK)
    return false;
  out[n] = '\0';
  return strlen(out) == n;
}

static bool read_fields(const char *at, struct p2p_invitation *out) {
  struct p2p_span cluster = next_field(&at), board = next_field(&at), owner = next_field(&at);
  return read_text(cluster, out->cluster, sizeof out->cluster) &&
         p2p_key_cluster_is_valid(out->cluster) &&
         read_text(board, out->board, sizeof out->board) && p2p_key_board_is_valid(out->board) &&
         p2p_key_text_bytes(owner, out->owner.bytes, sizeof out->owner.bytes) &&
         p2p_secret_text_read(at, strlen(at), out->secret_key.bytes);
}

/* Takes the first field. False: it is not that of an invitation. */
static bool read_kind(const char **at, uint64_t *version) {
  size_t length = strlen(*at);
  if (length >= P2P_INVITATION_TEXT_MAX || strncmp(*at, KIND, strlen(KIND)) != 0) return false;
  *at += strlen(KIND);
  return p2p_key_text_number(next_field(at), UINT32_MAX, version) && *version > 0;
}

int p2p_invitation_read(const char *text, struct p2p_invitation *out, struct p2p_err *err) {
  uint64_t version;
  memset(out, 0, sizeof *out);
  bool is_one = read_kind(&text, &version);
  if (is_one && version > VERSION)
    return p2p_err_because(
        err, "keys_newer",
        p2p_err_set(err, P2P_ERR_VERSION, "the invitation was made by a newer version"));
  if (is_one && read_fields(text, out)) return P2P_OK;
  p2p_wipe(out, sizeof *out);
  return p2p_err_because(err, "invitation",
                         p2p_err_set(err, P2P_ERR_PARSE, "the text is not a complete invitation"));
}
