/* What the jobs do. */
#include "board/key_job.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "keys/members_file.h"
#include "keys/ownership.h"
#include "keys/personal.h"

int p2p_key_files_set(struct p2p_key_files *files, const char *folder,
                      const struct p2p_address *address, struct p2p_err *err) {
  memset(files, 0, sizeof *files);
  p2p_address_board(address, files->board);
  if (snprintf(files->folder, sizeof files->folder, "%s", folder) < (int)sizeof files->folder)
    return P2P_OK;
  return p2p_err_set(err, P2P_ERR_TOO_LARGE, "the path of the folder of keys is too long");
}

struct p2p_key_place p2p_key_files_place(const struct p2p_key_files *files) {
  return (struct p2p_key_place){.folder = files->folder,
                                .board = files->board,
                                .cluster = files->cluster,
                                .account = files->account[0] == '\0' ? NULL : files->account};
}

/* ---- on another thread ---- */

/* An invitation is kept before the account is known. It was accepted by the user: also where its
 * owner is another one than before. */
static int find_invitation(struct p2p_key_job *job) {
  struct p2p_key_place place = p2p_key_files_place(&job->files);
  struct p2p_membership invited;
  bool exists;
  place.account = NULL;
  int code = p2p_membership_read(&place, &invited, &exists, &job->err);
  if (code == P2P_OK && exists && invited.is_invited) {
    bool is_known =
        job->exists && p2p_sign_same(&job->membership.grant.owner, &invited.grant.owner);
    if (!is_known) job->membership.grant = invited.grant;
    if (!is_known) job->membership.is_enrolled = false;
    job->membership.is_invited = job->exists = true;
    job->membership.invitation = invited.invitation;
  }
  p2p_wipe(&invited, sizeof invited);
  return code;
}

/* The board says who we are, so it may call us by another name than before. What this device knows
 * of the cluster's owner counts under each. */
static int find_owner(struct p2p_key_job *job, const struct p2p_key_accounts *accounts) {
  struct p2p_key_place place = p2p_key_files_place(&job->files);
  struct p2p_membership other;
  int code = P2P_OK;
  for (size_t i = 0; i < accounts->n && code == P2P_OK && !job->has_owner; i++) {
    place.account = accounts->names[i];
    code = p2p_membership_read(&place, &other, &job->has_owner, &job->err);
    if (job->has_owner) job->membership.grant.owner = other.grant.owner;
  }
  p2p_wipe(&other, sizeof other);
  return code;
}

/* The name of a personal cluster is that of the account, so a new one needs a word of the user. */
static int check_account(struct p2p_key_job *job, const struct p2p_key_accounts *accounts) {
  const char *account = job->files.account;
  bool is_known = accounts->n == 0 || !job->is_default;
  for (size_t i = 0; i < accounts->n && !is_known; i++)
    is_known = strcmp(accounts->names[i], account) == 0;
  if (is_known) return P2P_OK;
  return p2p_err_because(&job->err, "other_account",
                         p2p_err_set(&job->err, P2P_ERR_ACCESS,
                                     "the message board says that your user name is '%s', and this "
                                     "device knows '%s' only",
                                     account, accounts->names[0]));
}

static int read_files(struct p2p_key_job *job) {
  const struct p2p_key_place place = p2p_key_files_place(&job->files);
  struct p2p_key_accounts accounts;
  int code = p2p_device_load(job->files.folder, &job->device, &job->err);
  if (code == P2P_OK) code = p2p_key_place_accounts(&place, &accounts, &job->err);
  if (code == P2P_OK) code = check_account(job, &accounts);
  if (code != P2P_OK) return code;
  if (job->is_personal)
    return p2p_personal_read(&place, &job->device, &job->membership, &job->exists, &job->is_alone,
                             &job->err);
  code = p2p_membership_read(&place, &job->membership, &job->exists, &job->err);
  if (code == P2P_OK) code = find_invitation(job);
  job->has_owner = job->exists;
  return code == P2P_OK && !job->exists ? find_owner(job, &accounts) : code;
}

/* The devices that were expelled last come first. */
static void list_expelled(const struct p2p_members *members, struct p2p_epoch *out) {
  uint32_t epochs[P2P_EXPELLED_MAX] = {0};
  out->n_expelled = 0;
  for (size_t i = 0; i < members->n_devices; i++) {
    const struct p2p_member_device *device = &members->devices[i];
    size_t at = out->n_expelled;
    if (device->expelled_by == 0) continue;
    while (at > 0 && epochs[at - 1] < device->expelled_by) at--;
    if (at == P2P_EXPELLED_MAX) continue;
    if (out->n_expelled < P2P_EXPELLED_MAX) out->n_expelled++;
    size_t behind = out->n_expelled - at - 1;
    memmove(&out->expelled[at + 1], &out->expelled[at], behind * sizeof out->expelled[0]);
    memmove(&epochs[at + 1], &epochs[at], behind * sizeof epochs[0]);
    out->expelled[at] = device->device;
    epochs[at] = device->expelled_by;
  }
}

static int add_owner(void *arg, struct p2p_members *members, struct p2p_err *err) {
  struct p2p_key_job *job = arg;
  const struct p2p_sign_public *device = &job->device.public_key;
  int code = P2P_OK;
  if (p2p_members_standing(members, job->files.account, device) != P2P_STANDING_MEMBER)
    code = p2p_members_add(members, job->files.account, device, p2p_clock_unix_s());
  list_expelled(members, &job->epoch);
  return code == P2P_OK ? code : p2p_err_set(err, code, "too many devices");
}

static int own(struct p2p_key_job *job) {
  const struct p2p_key_place place = p2p_key_files_place(&job->files);
  int code = p2p_device_load(job->files.folder, &job->device, &job->err);
  if (code == P2P_OK) code = p2p_ownership_open(&place, &job->device, &job->membership, &job->err);
  if (code == P2P_OK) code = p2p_members_change(&place, add_owner, job, &job->err);
  if (code != P2P_OK) return code;
  job->exists = true;
  job->epoch.epoch = job->membership.grant.epoch;
  job->epoch.owner = job->device.public_key;
  return P2P_OK;
}

/* The invitation that led here is used up; by it, another owner may have followed the old one. */
static int keep(struct p2p_key_job *job) {
  struct p2p_key_place place = p2p_key_files_place(&job->files), unnamed = place;
  struct p2p_membership old;
  bool exists = false;
  unnamed.account = NULL;
  int code = P2P_OK;
  if (job->membership.is_invited) code = p2p_membership_read(&place, &old, &exists, &job->err);
  if (code == P2P_OK && exists && !p2p_sign_same(&old.grant.owner, &job->membership.grant.owner))
    code = p2p_membership_remove(&place, &job->err);
  p2p_wipe(&old, sizeof old);
  job->membership.is_invited = false;
  if (code == P2P_OK) code = p2p_membership_keep(&place, &job->membership, &job->err);
  return code == P2P_OK ? p2p_membership_remove(&unnamed, &job->err) : code;
}

static int admit(void *arg, struct p2p_members *members, struct p2p_err *err) {
  struct p2p_key_job *job = arg;
  const struct p2p_enrol *request = &job->request.request;
  int code = P2P_OK;
  job->verdict = p2p_enrol_judge(&job->request, members, &job->why);
  if (job->verdict == P2P_ENROL_REFUSED) return P2P_OK;
  if (request->is_invited) p2p_members_end_invitation(members, &request->invitation);
  if (job->verdict == P2P_ENROL_KNOWN)
    p2p_members_see(members, job->request.user, &request->device, p2p_clock_unix_s());
  else
    code = p2p_members_add(members, job->request.user, &request->device, p2p_clock_unix_s());
  return code == P2P_OK ? code : p2p_err_set(err, code, "the cluster has too many devices");
}

static int judge(struct p2p_key_job *job) {
  const struct p2p_key_place place = p2p_key_files_place(&job->files);
  int code = p2p_members_change(&place, admit, job, &job->err);
  return code == P2P_OK ? p2p_membership_read(&place, &job->membership, &job->exists, &job->err)
                        : code;
}

static void work(struct p2p_key_job *job) {
  const struct p2p_key_place place = p2p_key_files_place(&job->files);
  switch (job->task) {
  case P2P_KEY_READ: job->code = read_files(job); break;
  case P2P_KEY_DEVICE:
    job->code = p2p_device_load(job->files.folder, &job->device, &job->err);
    break;
  case P2P_KEY_OWN: job->code = own(job); break;
  case P2P_KEY_MAKE:
    job->code =
        p2p_personal_make(&place, &job->device, &job->membership, &job->is_alone, &job->err);
    break;
  case P2P_KEY_KEEP: job->code = keep(job); break;
  case P2P_KEY_REPLACE:
    job->code = p2p_personal_keep(&place, &job->device, &job->membership, &job->err);
    break;
  case P2P_KEY_ADMIT: job->code = judge(job); break;
  }
}

/* ---- on the io thread ---- */

struct running {
  struct p2p_key_job job;
  void (*done)(void *arg, const struct p2p_key_job *result);
};

static void do_work(void *data) { work(&((struct running *)data)->job); }

static void release(void *data) {
  p2p_wipe(data, sizeof(struct running));
  free(data);
}

static void finish(void *arg, void *data) {
  struct running *running = data;
  running->done(arg, &running->job);
  release(running);
}

int p2p_key_job_start(struct p2p_loop *loop, const struct p2p_key_job *job,
                      void (*done)(void *arg, const struct p2p_key_job *result), void *arg,
                      struct p2p_job **out, struct p2p_err *err) {
  struct running *running = calloc(1, sizeof *running);
  if (running == NULL) return p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
  running->job = *job;
  running->done = done;
  const struct p2p_job_config config = {.may_block = true, /* on locks, and network file systems */
                                        .work = do_work,
                                        .done = finish,
                                        .release = release,
                                        .data = running,
                                        .arg = arg};
  int code = p2p_job_start(loop, &config, out);
  if (code == P2P_OK) return code;
  release(running);
  return p2p_job_explain(code, err);
}
