/* The members of a cluster as text. */
#include "keys/members_text.h"

#include <stdio.h>

#include "base/encode.h"
#include "keys/text.h"

#define LINE_MAX_BYTES 192 /* of a value: 43 + 12 + 12 + 10 + 63, and blanks */
#define KEY_TEXT_MAX (P2P_BASE64_LEN(32) + 1)

/* ---- reading ---- */

/* Takes the word up to the next blank, or the rest. An empty word is none. */
static bool next_word(struct p2p_span *rest, struct p2p_span *word) {
  const char *text = rest->bytes;
  size_t length = 0;
  while (length < rest->length && text[length] != ' ') length++;
  *word = P2P_SPAN(text, length);
  size_t skip = length < rest->length ? length + 1 : length;
  *rest = P2P_SPAN(text + skip, rest->length - skip);
  return length > 0;
}

static bool next_key(struct p2p_span *rest, struct p2p_sign_public *out) {
  struct p2p_span word;
  return next_word(rest, &word) && p2p_key_text_bytes(word, out->bytes, sizeof out->bytes);
}

static bool next_number(struct p2p_span *rest, uint64_t max, uint64_t *out) {
  struct p2p_span word;
  return next_word(rest, &word) && p2p_key_text_number(word, max, out);
}

static int parse_device(struct p2p_span rest, struct p2p_members *out) {
  struct p2p_member_device entry = {.expelled_by = 0};
  uint64_t expelled_by;
  if (!next_key(&rest, &entry.device) ||
      !next_number(&rest, P2P_MEMBERS_TIME_MAX, &entry.since_s) ||
      !next_number(&rest, P2P_MEMBERS_TIME_MAX, &entry.seen_s) ||
      !next_number(&rest, UINT32_MAX, &expelled_by) ||
      !p2p_key_text_copy(rest, entry.user, sizeof entry.user))
    return P2P_ERR_PARSE;
  entry.expelled_by = (uint32_t)expelled_by;
  return p2p_members_put_device(out, &entry);
}

static int parse_invitation(struct p2p_span rest, struct p2p_members *out) {
  struct p2p_member_invitation entry = {.created_s = 0};
  if (!next_key(&rest, &entry.key) || !next_number(&rest, P2P_MEMBERS_TIME_MAX, &entry.created_s) ||
      !p2p_key_text_copy(rest, entry.user, sizeof entry.user))
    return P2P_ERR_PARSE;
  return p2p_members_put_invitation(out, &entry);
}

static int parse_approval(struct p2p_span rest, struct p2p_members *out) {
  struct p2p_member_approval entry = {.user = ""};
  struct p2p_span hash;
  if (!next_word(&rest, &hash) || !p2p_key_text_bytes(hash, entry.hash, sizeof entry.hash) ||
      !p2p_key_text_copy(rest, entry.user, sizeof entry.user))
    return P2P_ERR_PARSE;
  return p2p_members_put_approval(out, &entry);
}

static int parse_lines(struct p2p_key_text *text, struct p2p_members *out) {
  struct p2p_span value;
  if (!p2p_key_text_next_count(text, "epoch", &out->epoch)) return P2P_ERR_PARSE;
  int code = P2P_OK;
  while (code == P2P_OK && p2p_key_text_next(text, "device", &value))
    code = parse_device(value, out);
  while (code == P2P_OK && p2p_key_text_next(text, "approved", &value))
    code = parse_approval(value, out);
  while (code == P2P_OK && p2p_key_text_next(text, "invitation", &value))
    code = parse_invitation(value, out);
  if (code == P2P_ERR_INVALID || (code == P2P_OK && !p2p_key_text_is_at_end(text)))
    code = P2P_ERR_PARSE;
  return code;
}

int p2p_members_parse(const struct p2p_buf *contents, struct p2p_members *out) {
  struct p2p_key_text text;
  int code = p2p_key_text_begin(&text, contents, P2P_MEMBERS_KIND);
  if (code == P2P_OK) code = parse_lines(&text, out);
  if (code != P2P_OK) p2p_members_clear(out);
  return code;
}

/* ---- writing ---- */

static int put_device(const struct p2p_member_device *entry, struct p2p_buf *out) {
  char line[LINE_MAX_BYTES], key[KEY_TEXT_MAX];
  p2p_base64url_encode(entry->device.bytes, sizeof entry->device.bytes, key);
  snprintf(line, sizeof line, "%s %llu %llu %lu %s", key, (unsigned long long)entry->since_s,
           (unsigned long long)entry->seen_s, (unsigned long)entry->expelled_by, entry->user);
  return p2p_key_text_put(out, "device", line);
}

static int put_approval(const struct p2p_member_approval *entry, struct p2p_buf *out) {
  char line[LINE_MAX_BYTES], hash[KEY_TEXT_MAX];
  p2p_base64url_encode(entry->hash, sizeof entry->hash, hash);
  snprintf(line, sizeof line, "%s %s", hash, entry->user);
  return p2p_key_text_put(out, "approved", line);
}

static int put_invitation(const struct p2p_member_invitation *entry, struct p2p_buf *out) {
  char line[LINE_MAX_BYTES], key[KEY_TEXT_MAX];
  p2p_base64url_encode(entry->key.bytes, sizeof entry->key.bytes, key);
  snprintf(line, sizeof line, "%s %llu %s", key, (unsigned long long)entry->created_s, entry->user);
  return p2p_key_text_put(out, "invitation", line);
}

int p2p_members_format(const struct p2p_members *members, struct p2p_buf *out) {
  int code = p2p_key_text_put_kind(out, P2P_MEMBERS_KIND);
  if (code == P2P_OK) code = p2p_key_text_put_count(out, "epoch", members->epoch);
  for (size_t i = 0; i < members->n_devices && code == P2P_OK; i++)
    code = put_device(&members->devices[i], out);
  for (size_t i = 0; i < members->n_approvals && code == P2P_OK; i++)
    code = put_approval(&members->approvals[i], out);
  for (size_t i = 0; i < members->n_invitations && code == P2P_OK; i++)
    code = put_invitation(&members->invitations[i], out);
  return code;
}
