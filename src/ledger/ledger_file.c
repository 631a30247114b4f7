/* Changes of the file of a ledger. */
#include "ledger/ledger_file.h"

#include "keys/private_file.h"
#include "keys/text.h"
#include "ledger/ledger_text.h"

#define NAME "counts"
#define LOCK_MS 2000

static int read_from(const struct p2p_key_folder *folder, struct p2p_ledger *out,
                     struct p2p_err *err) {
  struct p2p_buf text;
  bool exists;
  p2p_buf_init(&text, P2P_LEDGER_TEXT_MAX);
  int code = p2p_private_file_read(folder, NAME, &text, &exists, err);
  if (code == P2P_OK && exists) {
    code = p2p_ledger_text_read(&text, out);
    if (code != P2P_OK) p2p_key_text_explain(code, folder->path, NAME, err);
  }
  p2p_buf_clear(&text);
  return code;
}

static int write_to(const struct p2p_key_folder *folder, const struct p2p_ledger *ledger,
                    struct p2p_err *err) {
  struct p2p_buf text;
  p2p_buf_init(&text, P2P_LEDGER_TEXT_MAX);
  int code = p2p_ledger_text_write(ledger, &text);
  if (code != P2P_OK)
    p2p_err_set(err, code, "cannot write file '%s/%s': %s", folder->path, NAME, p2p_err_name(code));
  else
    code = p2p_private_file_write(folder, NAME, &text, err);
  p2p_buf_clear(&text);
  return code;
}

static int open_locked(const char *path, bool make, struct p2p_key_folder *out,
                       struct p2p_err *err) {
  int code = p2p_key_folder_open(path, make, out, err);
  if (code != P2P_OK || out->fd < 0) return code;
  code = p2p_key_folder_lock_within(out, LOCK_MS, err);
  if (code == P2P_OK) p2p_private_file_sweep(out);
  return code;
}

int p2p_ledger_file_read(const char *path, struct p2p_ledger *out, struct p2p_err *err) {
  struct p2p_key_folder folder;
  int code = p2p_key_folder_open(path, false, &folder, err);
  if (code != P2P_OK) return code;
  code = read_from(&folder, out, err);
  p2p_key_folder_close(&folder);
  return code;
}

int p2p_ledger_file_add(const char *path, const struct p2p_ledger *more, struct p2p_err *err) {
  struct p2p_key_folder folder;
  struct p2p_ledger all = {0};
  int code = open_locked(path, true, &folder, err);
  if (code != P2P_OK) return code;
  code = read_from(&folder, &all, err);
  if (code == P2P_OK && (code = p2p_ledger_merge(&all, more)) != P2P_OK)
    p2p_err_set(err, code, "out of memory");
  if (code == P2P_OK) code = write_to(&folder, &all, err);
  p2p_ledger_clear(&all);
  p2p_key_folder_close(&folder);
  return code;
}

int p2p_ledger_file_forget(const char *path, const char *cluster, struct p2p_err *err) {
  struct p2p_key_folder folder;
  struct p2p_ledger all = {0};
  int code = open_locked(path, false, &folder, err);
  if (code != P2P_OK || folder.fd < 0) return code;
  if (cluster == NULL) {
    code = p2p_private_file_remove(&folder, NAME, err);
  } else if ((code = read_from(&folder, &all, err)) == P2P_OK && all.n > 0) {
    p2p_ledger_forget(&all, cluster);
    code = write_to(&folder, &all, err);
  }
  p2p_ledger_clear(&all);
  p2p_key_folder_close(&folder);
  return code;
}
