/* The file of the members. */
#include "keys/members_file.h"

#include "keys/members_text.h"
#include "keys/private_file.h"
#include "keys/text.h"

int p2p_members_load(const struct p2p_key_folder *folder, struct p2p_members *out,
                     struct p2p_err *err) {
  struct p2p_buf contents;
  bool exists;
  p2p_members_init(out);
  p2p_buf_init(&contents, P2P_MEMBERS_TEXT_MAX);
  int code = p2p_private_file_read(folder, P2P_MEMBERS_FILE, &contents, &exists, err);
  if (code == P2P_OK && exists)
    code = p2p_key_text_explain(p2p_members_parse(&contents, out), folder->path, P2P_MEMBERS_FILE,
                                err);
  p2p_buf_clear(&contents);
  return code;
}

int p2p_members_store(const struct p2p_key_folder *folder, struct p2p_members *members,
                      struct p2p_err *err) {
  struct p2p_buf contents;
  if (!members->is_changed) return P2P_OK;
  p2p_buf_init(&contents, P2P_MEMBERS_TEXT_MAX);
  int code = p2p_key_text_explain(p2p_members_format(members, &contents), folder->path,
                                  P2P_MEMBERS_FILE, err);
  if (code == P2P_OK) code = p2p_private_file_write(folder, P2P_MEMBERS_FILE, &contents, err);
  p2p_buf_clear(&contents);
  if (code == P2P_OK) members->is_changed = false;
  return code;
}

int p2p_members_read(const struct p2p_key_place *place, struct p2p_members *out,
                     struct p2p_err *err) {
  struct p2p_key_folder folder;
  p2p_members_init(out);
  int code = p2p_key_place_open(place, false, &folder, err);
  if (code != P2P_OK) return code;
  code = p2p_members_load(&folder, out, err);
  p2p_key_folder_close(&folder);
  return code;
}

static int change_locked(const struct p2p_key_folder *folder, p2p_members_change_fn fn, void *arg,
                         struct p2p_err *err) {
  struct p2p_members members;
  int code = p2p_members_load(folder, &members, err);
  if (code == P2P_OK) code = fn(arg, &members, err);
  if (code == P2P_OK) code = p2p_members_store(folder, &members, err);
  p2p_members_clear(&members);
  return code;
}

int p2p_members_change(const struct p2p_key_place *place, p2p_members_change_fn fn, void *arg,
                       struct p2p_err *err) {
  struct p2p_key_folder folder;
  int code = p2p_key_place_lock(place, true, &folder, err);
  if (code != P2P_OK) return code;
  code = change_locked(&folder, fn, arg, err);
  p2p_key_folder_close(&folder);
  return code;
}
