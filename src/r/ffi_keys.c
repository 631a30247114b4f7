/* The files of keys for R: what members(), approve(), expel(), invite() and join() do. `place` is
 * list(folder, board, cluster, account), of which some entries need the folder only; see
 * keys/place.h.
 * Everything blocks for as long as the disk, or another process that has the lock. */
#include "base/buf.h"
#include "base/encode.h"
#include "board/address.h"
#include "keys/members_file.h"
#include "keys/ownership.h"
#include "r/ffi.h"
#include "r/ffi_config.h"
#include "r/ffi_error.h"

/* An element of `place`, or an R error. */
static const char *need(SEXP place, const char *name) {
  struct p2p_err err;
  const char *text = p2p_ffi_text(place, name);
  if (text != NULL) return text;
  p2p_err_set(&err, P2P_ERR_INVALID, "'%s' must be a string", name);
  p2p_ffi_raise(&err);
  return NULL; /* not reached */
}

/* A string, or an R error. Valid until the .Call returns. */
static const char *need_string(SEXP value, const char *name) {
  struct p2p_err err;
  if (TYPEOF(value) == STRSXP && Rf_xlength(value) == 1 && STRING_ELT(value, 0) != NA_STRING)
    return Rf_translateCharUTF8(STRING_ELT(value, 0));
  p2p_err_set(&err, P2P_ERR_INVALID, "'%s' must be a string", name);
  p2p_ffi_raise(&err);
  return NULL; /* not reached */
}

static struct p2p_key_place read_place(SEXP place) {
  struct p2p_key_place out = {.folder = need(place, "folder"),
                              .board = need(place, "board"),
                              .cluster = need(place, "cluster"),
                              .account = p2p_ffi_text(place, "account")};
  return out;
}

static SEXP fingerprint(const struct p2p_sign_public *key) {
  char text[P2P_FINGERPRINT_MAX];
  p2p_fingerprint(key, text);
  return Rf_mkChar(text);
}

/* list(key, fingerprint): of this device. Makes the key on first use. */
SEXP ffi_keys_device(SEXP place) {
  struct p2p_device device;
  struct p2p_sign_public key;
  struct p2p_err err = {0};
  char text[P2P_BASE64_LEN(P2P_SIGN_KEY_LEN) + 1];
  if (p2p_device_load(need(place, "folder"), &device, &err) != P2P_OK) p2p_ffi_raise(&err);
  key = device.public_key;
  p2p_wipe(&device, sizeof device);
  p2p_base64url_encode(key.bytes, sizeof key.bytes, text);
  const char *names[] = {"key", "fingerprint", ""};
  SEXP out = PROTECT(Rf_mkNamed(VECSXP, names));
  SET_VECTOR_ELT(out, 0, p2p_ffi_string(text));
  SET_VECTOR_ELT(out, 1, Rf_ScalarString(fingerprint(&key)));
  UNPROTECT(1);
  return out;
}

/* The board of `config`, as places name it: "host:port". */
SEXP ffi_keys_board(SEXP config) {
  const struct p2p_board_config board = p2p_ffi_board_config(config);
  struct p2p_address address;
  struct p2p_err err = {0};
  char text[P2P_HOSTPORT_TEXT_MAX];
  if (p2p_address_parse(board.host, board.ssh_args, board.n_ssh_args, &address, &err) != P2P_OK)
    p2p_ffi_raise(&err);
  p2p_address_board(&address, text);
  return p2p_ffi_string(text);
}

/* What this device knows of the cluster, or NULL: list(owner, epoch, user, invited), where owner is
 * a fingerprint, and epoch and user are NA before it is enrolled. */
SEXP ffi_keys_membership(SEXP place) {
  const struct p2p_key_place where = read_place(place);
  struct p2p_membership membership;
  struct p2p_err err = {0};
  bool exists;
  if (p2p_membership_read(&where, &membership, &exists, &err) != P2P_OK) p2p_ffi_raise(&err);
  p2p_wipe(membership.grant.secret, sizeof membership.grant.secret);
  p2p_wipe(&membership.invitation, sizeof membership.invitation);
  if (!exists) return R_NilValue;
  const char *names[] = {"owner", "epoch", "user", "invited", ""};
  SEXP out = PROTECT(Rf_mkNamed(VECSXP, names));
  SET_VECTOR_ELT(out, 0, Rf_ScalarString(fingerprint(&membership.grant.owner)));
  SET_VECTOR_ELT(out, 1, Rf_ScalarReal(membership.is_enrolled ? membership.grant.epoch : NA_REAL));
  SET_VECTOR_ELT(out, 2,
                 membership.is_enrolled ? p2p_ffi_string(membership.grant.user)
                                        : Rf_ScalarString(NA_STRING));
  SET_VECTOR_ELT(out, 3, Rf_ScalarLogical(membership.is_invited));
  UNPROTECT(1);
  return out;
}

/* Removes what this device knows of the cluster, its key among it. */
SEXP ffi_keys_forget(SEXP place) {
  const struct p2p_key_place where = read_place(place);
  struct p2p_err err = {0};
  if (p2p_membership_remove(&where, &err) != P2P_OK) p2p_ffi_raise(&err);
  return R_NilValue;
}

/* ---- the owner ---- */

/* R's memory, since an allocation of R may not return. */
static struct p2p_members read_members(const struct p2p_key_place *place) {
  struct p2p_members members, out = {0};
  struct p2p_err err = {0};
  out.devices = (struct p2p_member_device *)R_alloc(P2P_MEMBER_DEVICES_MAX, sizeof *out.devices);
  out.approvals =
      (struct p2p_member_approval *)R_alloc(P2P_MEMBER_APPROVALS_MAX, sizeof *out.approvals);
  out.invitations =
      (struct p2p_member_invitation *)R_alloc(P2P_MEMBER_INVITATIONS_MAX, sizeof *out.invitations);
  if (p2p_members_read(place, &members, &err) != P2P_OK) p2p_ffi_raise(&err);
  out.epoch = members.epoch;
  for (; out.n_devices < members.n_devices; out.n_devices++)
    out.devices[out.n_devices] = members.devices[out.n_devices];
  for (; out.n_approvals < members.n_approvals; out.n_approvals++)
    out.approvals[out.n_approvals] = members.approvals[out.n_approvals];
  for (; out.n_invitations < members.n_invitations; out.n_invitations++)
    out.invitations[out.n_invitations] = members.invitations[out.n_invitations];
  p2p_members_clear(&members);
  return out;
}

static SEXP devices_of(const struct p2p_members *members) {
  enum { USER, FINGERPRINT, SINCE, SEEN, EXPELLED };
  const char *names[] = {"user", "fingerprint", "since", "seen", "expelled", ""};
  const SEXPTYPE types[] = {STRSXP, STRSXP, REALSXP, REALSXP, LGLSXP};
  SEXP out = PROTECT(Rf_mkNamed(VECSXP, names));
  for (int column = 0; column <= EXPELLED; column++)
    SET_VECTOR_ELT(out, column, Rf_allocVector(types[column], (R_xlen_t)members->n_devices));
  for (size_t i = 0; i < members->n_devices; i++) {
    const struct p2p_member_device *entry = &members->devices[i];
    SET_STRING_ELT(VECTOR_ELT(out, USER), (R_xlen_t)i, Rf_mkChar(entry->user));
    SET_STRING_ELT(VECTOR_ELT(out, FINGERPRINT), (R_xlen_t)i, fingerprint(&entry->device));
    REAL(VECTOR_ELT(out, SINCE))[i] = (double)entry->since_s;
    REAL(VECTOR_ELT(out, SEEN))[i] = (double)entry->seen_s;
    LOGICAL(VECTOR_ELT(out, EXPELLED))[i] = entry->expelled_by != 0;
  }
  UNPROTECT(1);
  return out;
}

static SEXP approvals_of(const struct p2p_members *members) {
  const char *names[] = {"user", "fingerprint", ""};
  char text[P2P_FINGERPRINT_MAX];
  SEXP out = PROTECT(Rf_mkNamed(VECSXP, names));
  for (int column = 0; column < 2; column++)
    SET_VECTOR_ELT(out, column, Rf_allocVector(STRSXP, (R_xlen_t)members->n_approvals));
  for (size_t i = 0; i < members->n_approvals; i++) {
    p2p_fingerprint_of_hash(members->approvals[i].hash, text);
    SET_STRING_ELT(VECTOR_ELT(out, 0), (R_xlen_t)i, Rf_mkChar(members->approvals[i].user));
    SET_STRING_ELT(VECTOR_ELT(out, 1), (R_xlen_t)i, Rf_mkChar(text));
  }
  UNPROTECT(1);
  return out;
}

static SEXP invitations_of(const struct p2p_members *members) {
  const char *names[] = {"user", "created", ""};
  SEXP out = PROTECT(Rf_mkNamed(VECSXP, names));
  SET_VECTOR_ELT(out, 0, Rf_allocVector(STRSXP, (R_xlen_t)members->n_invitations));
  SET_VECTOR_ELT(out, 1, Rf_allocVector(REALSXP, (R_xlen_t)members->n_invitations));
  for (size_t i = 0; i < members->n_invitations; i++) {
    SET_STRING_ELT(VECTOR_ELT(out, 0), (R_xlen_t)i, Rf_mkChar(members->invitations[i].user));
    REAL(VECTOR_ELT(out, 1))[i] = (double)members->invitations[i].created_s;
  }
  UNPROTECT(1);
  return out;
}

/* list(epoch, devices, approved, invitations). devices: columns user, fingerprint, since, seen
 * (Unix time), expelled. approved: columns user, fingerprint. invitations that were not used:
 * columns user, created. Without members, all are empty, and epoch is 0. */
SEXP ffi_keys_members(SEXP place) {
  const struct p2p_key_place where = read_place(place);
  const struct p2p_members members = read_members(&where);
  const char *names[] = {"epoch", "devices", "approved", "invitations", ""};
  SEXP out = PROTECT(Rf_mkNamed(VECSXP, names));
  SET_VECTOR_ELT(out, 0, Rf_ScalarReal(members.epoch));
  SET_VECTOR_ELT(out, 1, devices_of(&members));
  SET_VECTOR_ELT(out, 2, approvals_of(&members));
  SET_VECTOR_ELT(out, 3, invitations_of(&members));
  UNPROTECT(1);
  return out;
}

/* `device`: a fingerprint or a key. */
SEXP ffi_keys_approve(SEXP place, SEXP user, SEXP device) {
  const struct p2p_key_place where = read_place(place);
  const char *name = need_string(user, "user");
  const char *who = need_string(device, "device");
  struct p2p_device ours;
  struct p2p_err err = {0};
  int code = p2p_device_load(where.folder, &ours, &err);
  if (code == P2P_OK) code = p2p_ownership_approve(&where, &ours, name, who, &err);
  p2p_wipe(&ours, sizeof ours);
  if (code != P2P_OK) p2p_ffi_raise(&err);
  return R_NilValue;
}

/* Makes a change as the owner. Returns how many devices and invitations it was about. */
static SEXP change(SEXP place, const char *who,
                   int (*fn)(const struct p2p_key_place *place, const struct p2p_device *device,
                             const char *who, size_t *n, struct p2p_err *err)) {
  const struct p2p_key_place where = read_place(place);
  struct p2p_device ours;
  struct p2p_err err = {0};
  size_t n = 0;
  int code = p2p_device_load(where.folder, &ours, &err);
  if (code == P2P_OK) code = fn(&where, &ours, who, &n, &err);
  p2p_wipe(&ours, sizeof ours);
  if (code != P2P_OK) p2p_ffi_raise(&err);
  return Rf_ScalarInteger((int)n);
}

/* `who`: a user, a fingerprint or a key. */
SEXP ffi_keys_expel(SEXP place, SEXP who) {
  return change(place, need_string(who, "who"), p2p_ownership_expel);
}

/* All invitations of a user. */
SEXP ffi_keys_withdraw_all(SEXP place, SEXP user) {
  return change(place, need_string(user, "user"), p2p_ownership_withdraw_all);
}

/* The text of an invitation for one device of a user: a secret. */
SEXP ffi_keys_invite(SEXP place, SEXP user) {
  const struct p2p_key_place where = read_place(place);
  const char *name = need_string(user, "user");
  struct p2p_device ours;
  struct p2p_invitation invitation;
  struct p2p_err err = {0};
  char text[P2P_INVITATION_TEXT_MAX];
  int code = p2p_device_load(where.folder, &ours, &err);
  if (code == P2P_OK) code = p2p_ownership_invite(&where, &ours, name, &invitation, &err);
  p2p_wipe(&ours, sizeof ours);
  if (code != P2P_OK) p2p_ffi_raise(&err);
  code = p2p_invitation_write(&invitation, text);
  p2p_wipe(&invitation, sizeof invitation);
  if (code != P2P_OK) p2p_ffi_raise_memory(); /* its names were checked above */
  return p2p_ffi_string(text);
}

/* Withdraws an invitation, by its text. */
SEXP ffi_keys_withdraw(SEXP place, SEXP text) {
  const struct p2p_key_place where = read_place(place);
  struct p2p_invitation invitation;
  struct p2p_sign_public key;
  struct p2p_device ours;
  struct p2p_err err = {0};
  if (p2p_invitation_read(need_string(text, "invitation"), &invitation, &err) != P2P_OK)
    p2p_ffi_raise(&err);
  p2p_sign_public_of(&invitation.secret_key, &key);
  p2p_wipe(&invitation.secret_key, sizeof invitation.secret_key);
  int code = p2p_device_load(where.folder, &ours, &err);
  if (code == P2P_OK) code = p2p_ownership_withdraw(&where, &ours, &key, &err);
  p2p_wipe(&ours, sizeof ours);
  if (code != P2P_OK) p2p_ffi_raise(&err);
  return R_NilValue;
}

/* ---- on the invited device ---- */

/* What an invitation says: list(cluster, board, owner), the last one a fingerprint. */
SEXP ffi_keys_invitation(SEXP text) {
  struct p2p_invitation invitation;
  struct p2p_err err = {0};
  if (p2p_invitation_read(need_string(text, "invitation"), &invitation, &err) != P2P_OK)
    p2p_ffi_raise(&err);
  p2p_wipe(&invitation.secret_key, sizeof invitation.secret_key);
  const char *names[] = {"cluster", "board", "owner", ""};
  SEXP out = PROTECT(Rf_mkNamed(VECSXP, names));
  SET_VECTOR_ELT(out, 0, p2p_ffi_string(invitation.cluster));
  SET_VECTOR_ELT(out, 1, p2p_ffi_string(invitation.board));
  SET_VECTOR_ELT(out, 2, Rf_ScalarString(fingerprint(&invitation.owner)));
  UNPROTECT(1);
  return out;
}

/* Keeps an invitation in `place`, of which the folder is needed, and the board if this device
 * names it otherwise than the owner's. `replace`: also where this device knows another owner of the
 * cluster, whose key is then removed. */
SEXP ffi_keys_join(SEXP place, SEXP text, SEXP replace) {
  const char *word = need_string(text, "invitation"), *board = p2p_ffi_text(place, "board");
  struct p2p_key_place where = {.folder = need(place, "folder")};
  struct p2p_membership membership = {.is_invited = true};
  struct p2p_invitation invitation;
  struct p2p_err err = {0};
  int code = p2p_invitation_read(word, &invitation, &err);
  if (code != P2P_OK) p2p_ffi_raise(&err);
  where.board = board == NULL ? invitation.board : board;
  where.cluster = invitation.cluster;
  membership.grant.owner = invitation.owner;
  membership.invitation = invitation.secret_key;
  p2p_wipe(&invitation.secret_key, sizeof invitation.secret_key);
  if (Rf_asLogical(replace) == TRUE) code = p2p_membership_remove(&where, &err);
  if (code == P2P_OK) code = p2p_membership_keep(&where, &membership, &err);
  p2p_wipe(&membership, sizeof membership);
  if (code != P2P_OK) p2p_ffi_raise(&err);
  return R_NilValue;
}
