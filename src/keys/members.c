/* The members of a cluster. */
#include "keys/members.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/encode.h"
#include "keys/device.h"

void p2p_members_init(struct p2p_members *members) { memset(members, 0, sizeof *members); }

void p2p_members_clear(struct p2p_members *members) {
  free(members->devices);
  free(members->approvals);
  free(members->invitations);
  p2p_members_init(members);
}

/* ---- entries ---- */

static void hash_key(const struct p2p_sign_public *key, uint8_t out[P2P_SHA256_LEN]) {
  p2p_sha256(key->bytes, sizeof key->bytes, out);
}

/* Room for one more entry of `size` bytes. The number of entries is a power of two when there is no
 * more room. P2P_ERR_TOO_LARGE, P2P_ERR_MEMORY. */
static int make_room(void **entries, size_t n, size_t most, size_t size) {
  if (n >= most) return P2P_ERR_TOO_LARGE;
  if ((n & (n - 1)) != 0) return P2P_OK; /* not 0 or a power of two */
  void *larger = realloc(*entries, (n == 0 ? 1 : 2 * n) * size);
  if (larger == NULL) return P2P_ERR_MEMORY;
  *entries = larger;
  return P2P_OK;
}

static void remove_entry(void *entries, size_t *n, size_t at, size_t size) {
  uint8_t *bytes = entries;
  memmove(bytes + at * size, bytes + (at + 1) * size, (*n - at - 1) * size);
  (*n)--;
}

static uint64_t clamp(uint64_t time_s) {
  return time_s > P2P_MEMBERS_TIME_MAX ? P2P_MEMBERS_TIME_MAX : time_s;
}

static struct p2p_member_device *find(const struct p2p_members *members, const char *user,
                                      const struct p2p_sign_public *device) {
  for (size_t i = 0; i < members->n_devices; i++) {
    struct p2p_member_device *entry = &members->devices[i];
    if (p2p_sign_same(&entry->device, device) && strcmp(entry->user, user) == 0) return entry;
  }
  return NULL;
}

/* `user` or `hash` may be NULL: any. */
static bool approves(const struct p2p_member_approval *entry, const char *user,
                     const uint8_t *hash) {
  return (user == NULL || strcmp(entry->user, user) == 0) &&
         (hash == NULL || memcmp(entry->hash, hash, sizeof entry->hash) == 0);
}

static bool is_approved(const struct p2p_members *members, const char *user, const uint8_t *hash) {
  for (size_t i = 0; i < members->n_approvals; i++)
    if (approves(&members->approvals[i], user, hash)) return true;
  return false;
}

/* How many there were. */
static size_t end_approvals(struct p2p_members *members, const char *user, const uint8_t *hash) {
  size_t before = members->n_approvals;
  for (size_t i = before; i > 0; i--)
    if (approves(&members->approvals[i - 1], user, hash))
      remove_entry(members->approvals, &members->n_approvals, i - 1, sizeof *members->approvals);
  if (members->n_approvals < before) members->is_changed = true;
  return before - members->n_approvals;
}

/* ---- questions ---- */

const struct p2p_member_device *p2p_members_find(const struct p2p_members *members,
                                                 const char *user,
                                                 const struct p2p_sign_public *device) {
  return find(members, user, device);
}

enum p2p_standing p2p_members_standing(const struct p2p_members *members, const char *user,
                                       const struct p2p_sign_public *device) {
  uint8_t hash[P2P_SHA256_LEN];
  size_t n_known = 0, n_members = 0;
  bool is_expelled = false, is_member = false;
  for (size_t i = 0; i < members->n_devices; i++) {
    const struct p2p_member_device *entry = &members->devices[i];
    bool is_device = p2p_sign_same(&entry->device, device),
         is_user = strcmp(entry->user, user) == 0;
    n_known += is_user;
    n_members += is_user && entry->expelled_by == 0;
    is_expelled = is_expelled || (is_device && entry->expelled_by != 0);
    is_member = is_member || (is_device && is_user && entry->expelled_by == 0);
  }
  hash_key(device, hash);
  if (is_member) return P2P_STANDING_MEMBER;
  if (is_approved(members, user, hash)) return P2P_STANDING_APPROVED;
  if (is_expelled || (n_known > 0 && n_members == 0)) return P2P_STANDING_EXPELLED;
  return n_known == 0 ? P2P_STANDING_FIRST : P2P_STANDING_FURTHER;
}

const struct p2p_member_invitation *p2p_members_invitation(const struct p2p_members *members,
                                                           const char *user,
                                                           const struct p2p_sign_public *key) {
  for (size_t i = 0; i < members->n_invitations; i++)
    if (p2p_sign_same(&members->invitations[i].key, key) &&
        strcmp(members->invitations[i].user, user) == 0)
      return &members->invitations[i];
  return NULL;
}

/* ---- changes ---- */

int p2p_members_put_device(struct p2p_members *members, const struct p2p_member_device *entry) {
  void *entries = members->devices;
  if (!p2p_user_name_is_valid(entry->user, strlen(entry->user)) ||
      entry->since_s > P2P_MEMBERS_TIME_MAX || entry->seen_s > P2P_MEMBERS_TIME_MAX)
    return P2P_ERR_INVALID;
  int code = make_room(&entries, members->n_devices, P2P_MEMBER_DEVICES_MAX, sizeof *entry);
  if (code != P2P_OK) return code;
  members->devices = entries;
  members->devices[members->n_devices++] = *entry;
  return P2P_OK;
}

int p2p_members_put_approval(struct p2p_members *members, const struct p2p_member_approval *entry) {
  void *entries = members->approvals;
  if (!p2p_user_name_is_valid(entry->user, strlen(entry->user))) return P2P_ERR_INVALID;
  int code = make_room(&entries, members->n_approvals, P2P_MEMBER_APPROVALS_MAX, sizeof *entry);
  if (code != P2P_OK) return code;
  members->approvals = entries;
  members->approvals[members->n_approvals++] = *entry;
  return P2P_OK;
}

int p2p_members_put_invitation(struct p2p_members *members,
                               const struct p2p_member_invitation *entry) {
  void *entries = members->invitations;
  if (!p2p_user_name_is_valid(entry->user, strlen(entry->user)) ||
      entry->created_s > P2P_MEMBERS_TIME_MAX)
    return P2P_ERR_INVALID;
  int code = make_room(&entries, members->n_invitations, P2P_MEMBER_INVITATIONS_MAX, sizeof *entry);
  if (code != P2P_OK) return code;
  members->invitations = entries;
  members->invitations[members->n_invitations++] = *entry;
  return P2P_OK;
}

int p2p_members_add(struct p2p_members *members, const char *user,
                    const struct p2p_sign_public *device, uint64_t now_s) {
  uint8_t hash[P2P_SHA256_LEN];
  struct p2p_member_device new = {.device = *device, .since_s = clamp(now_s)};
  if (!p2p_user_name_is_valid(user, strlen(user))) return P2P_ERR_INVALID;
  snprintf(new.user, sizeof new.user, "%s", user);
  struct p2p_member_device *entry = find(members, user, device);
  if (entry == NULL) {
    int code = p2p_members_put_device(members, &new);
    if (code != P2P_OK) return code;
    entry = &members->devices[members->n_devices - 1];
  }
  entry->seen_s = clamp(now_s);
  entry->expelled_by = 0;
  hash_key(device, hash);
  (void)end_approvals(members, user, hash);
  members->is_changed = true;
  return P2P_OK;
}

void p2p_members_see(struct p2p_members *members, const char *user,
                     const struct p2p_sign_public *device, uint64_t now_s) {
  struct p2p_member_device *entry = find(members, user, device);
  if (entry == NULL || entry->expelled_by != 0 || now_s < entry->seen_s + P2P_SEEN_STEP_S) return;
  entry->seen_s = clamp(now_s);
  members->is_changed = true;
}

/* A fingerprint or a key as the hash of the key. */
static bool parse_device(const char *text, uint8_t out[P2P_SHA256_LEN]) {
  struct p2p_sign_public key;
  if (p2p_fingerprint_read(text, out)) return true;
  if (!p2p_base64url_decode_exactly(text, strlen(text), key.bytes, sizeof key.bytes)) return false;
  hash_key(&key, out);
  return true;
}

/* Whether the device is a member as another user than this one. */
static bool is_of_other(const struct p2p_members *members, const char *user,
                        const uint8_t hash[P2P_SHA256_LEN]) {
  uint8_t known[P2P_SHA256_LEN];
  for (size_t i = 0; i < members->n_devices; i++) {
    const struct p2p_member_device *entry = &members->devices[i];
    hash_key(&entry->device, known);
    if (entry->expelled_by == 0 && memcmp(known, hash, sizeof known) == 0 &&
        strcmp(entry->user, user) != 0)
      return true;
  }
  return false;
}

int p2p_members_approve(struct p2p_members *members, const char *user, const char *device) {
  struct p2p_member_approval new = {.user = ""};
  if (!p2p_user_name_is_valid(user, strlen(user)) || !parse_device(device, new.hash))
    return P2P_ERR_INVALID;
  if (is_of_other(members, user, new.hash)) return P2P_ERR_ACCESS;
  if (is_approved(members, user, new.hash)) return P2P_OK;
  snprintf(new.user, sizeof new.user, "%s", user);
  int code = p2p_members_put_approval(members, &new);
  if (code == P2P_OK) members->is_changed = true;
  return code;
}

int p2p_members_invite(struct p2p_members *members, const char *user,
                       const struct p2p_sign_public *key, uint64_t now_s) {
  struct p2p_member_invitation new = {.key = *key, .created_s = clamp(now_s)};
  if (!p2p_user_name_is_valid(user, strlen(user))) return P2P_ERR_INVALID;
  snprintf(new.user, sizeof new.user, "%s", user);
  int code = p2p_members_put_invitation(members, &new);
  if (code == P2P_OK) members->is_changed = true;
  return code;
}

static void end_invitation_at(struct p2p_members *members, size_t at) {
  remove_entry(members->invitations, &members->n_invitations, at, sizeof *members->invitations);
  members->is_changed = true;
}

size_t p2p_members_end_invitations(struct p2p_members *members, const char *user) {
  size_t n = 0;
  for (size_t i = members->n_invitations; i > 0; i--) {
    if (strcmp(members->invitations[i - 1].user, user) != 0) continue;
    end_invitation_at(members, i - 1);
    n++;
  }
  return n;
}

void p2p_members_end_invitation(struct p2p_members *members, const struct p2p_sign_public *key) {
  for (size_t i = members->n_invitations; i > 0; i--)
    if (p2p_sign_same(&members->invitations[i - 1].key, key)) end_invitation_at(members, i - 1);
}

static void expel_device(struct p2p_members *members, const struct p2p_sign_public *device,
                         uint32_t epoch) {
  for (size_t i = 0; i < members->n_devices; i++)
    if (p2p_sign_same(&members->devices[i].device, device)) members->devices[i].expelled_by = epoch;
  members->is_changed = true;
}

size_t p2p_members_expel(struct p2p_members *members, const char *who, uint32_t epoch) {
  uint8_t wanted[P2P_SHA256_LEN], hash[P2P_SHA256_LEN];
  bool is_device = parse_device(who, wanted);
  size_t n = is_device ? end_approvals(members, NULL, wanted) : end_approvals(members, who, NULL);
  for (size_t i = 0; i < members->n_devices; i++) {
    const struct p2p_member_device *entry = &members->devices[i];
    hash_key(&entry->device, hash);
    bool is_wanted = is_device && memcmp(hash, wanted, sizeof wanted) == 0;
    if (!is_wanted && strcmp(entry->user, who) != 0) continue;
    expel_device(members, &entry->device, epoch);
    (void)end_approvals(members, NULL, hash);
    n++;
  }
  return n + p2p_members_end_invitations(members, who);
}

void p2p_members_set_epoch(struct p2p_members *members, uint32_t epoch) {
  if (members->epoch == epoch) return;
  members->epoch = epoch;
  members->is_changed = true;
}
