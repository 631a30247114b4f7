/* Where the files of a cluster are. */
#include "keys/place.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "base/hostport.h"

#define PLAIN "abcdefghijklmnopqrstuvwxyz0123456789-_."
#define NAME_MAX_BYTES 256 /* of a file, with the NUL */
#define N_NAMES 3
#define BOARD_TEXT_MAX (P2P_USER_NAME_MAX + P2P_HOSTPORT_TEXT_MAX)

struct names {
  char name[N_NAMES][NAME_MAX_BYTES]; /* board, owner, name */
};

bool p2p_key_board_is_valid(const char *board) {
  struct p2p_hostport parsed;
  return p2p_hostport_parse(board, strlen(board), &parsed) == P2P_OK && parsed.port != 0 &&
         p2p_host_is_valid(parsed.host);
}

bool p2p_key_cluster_is_valid(const char *cluster) {
  size_t owner = strcspn(cluster, "/");
  const char *name = cluster + owner + 1;
  return cluster[owner] == '/' && p2p_user_name_is_valid(cluster, owner) &&
         p2p_cluster_name_is_valid(name, strlen(name));
}

/* Other characters than plain ones become %XX, and so does a '.' at the start: each text has a name
 * of its own, without '/', which is not "..". False: too long. */
static bool escape(const char *text, size_t length, char out[NAME_MAX_BYTES]) {
  size_t used = 0;
  for (size_t i = 0; i < length; i++) {
    bool is_plain = text[i] != '\0' && strchr(PLAIN, text[i]) != NULL && (i > 0 || text[i] != '.');
    if (used + (is_plain ? 1 : 3) >= NAME_MAX_BYTES) return false;
    if (is_plain)
      out[used++] = text[i];
    else
      used += (size_t)snprintf(out + used, 4, "%%%02X", (unsigned char)text[i]);
  }
  out[used] = '\0';
  return used > 0;
}

/* Names of hosts have no case. */
static void lower(const char *text, char *out, size_t size) {
  snprintf(out, size, "%s", text);
  for (; *out != '\0'; out++)
    if (*out >= 'A' && *out <= 'Z') *out = (char)(*out - 'A' + 'a');
}

/* "account@host:port", or "host:port" */
static void name_board(const struct p2p_key_place *place, char out[BOARD_TEXT_MAX]) {
  char board[P2P_HOSTPORT_TEXT_MAX];
  lower(place->board, board, sizeof board);
  snprintf(out, BOARD_TEXT_MAX, "%s%s%s", place->account == NULL ? "" : place->account,
           place->account == NULL ? "" : "@", board);
}

static int name_folders(const struct p2p_key_place *place, struct names *out, struct p2p_err *err) {
  char board[BOARD_TEXT_MAX];
  if (!p2p_key_board_is_valid(place->board))
    return p2p_err_set(err, P2P_ERR_INVALID, "the board is not \"host:port\"");
  if (place->account != NULL && !p2p_user_name_is_valid(place->account, strlen(place->account)))
    return p2p_err_set(err, P2P_ERR_INVALID, "the account is not a user name");
  if (!p2p_key_cluster_is_valid(place->cluster))
    return p2p_err_because(err, "cluster_name",
                           p2p_err_set(err, P2P_ERR_INVALID, "the cluster is not \"owner/name\""));
  size_t owner = strcspn(place->cluster, "/");
  const char *name = place->cluster + owner + 1;
  name_board(place, board);
  if (escape(board, strlen(board), out->name[0]) && escape(place->cluster, owner, out->name[1]) &&
      escape(name, strlen(name), out->name[2]))
    return P2P_OK;
  return p2p_err_set(err, P2P_ERR_TOO_LARGE, "the name of the board or the cluster is too long");
}

int p2p_key_place_open(const struct p2p_key_place *place, bool make, struct p2p_key_folder *out,
                       struct p2p_err *err) {
  struct names names;
  int code = name_folders(place, &names, err);
  if (code == P2P_OK) code = p2p_key_folder_open(place->folder, make, out, err);
  for (int i = 0; i < N_NAMES && code == P2P_OK; i++)
    code = p2p_key_folder_enter(out, names.name[i], make, err);
  return code;
}

int p2p_key_place_lock(const struct p2p_key_place *place, bool make, struct p2p_key_folder *out,
                       struct p2p_err *err) {
  int code = p2p_key_place_open(place, make, out, err);
  return code == P2P_OK && out->fd >= 0 ? p2p_key_folder_lock(out, err) : code;
}

int p2p_key_place_path(const struct p2p_key_place *place, const char *name,
                       char out[P2P_KEY_PATH_MAX], struct p2p_err *err) {
  struct names names;
  int code = name_folders(place, &names, err);
  if (code != P2P_OK) return code;
  int length = snprintf(out, P2P_KEY_PATH_MAX, "%s/%s/%s/%s/%s", place->folder, names.name[0],
                        names.name[1], names.name[2], name);
  if (length > 0 && length < P2P_KEY_PATH_MAX) return P2P_OK;
  return p2p_err_set(err, P2P_ERR_TOO_LARGE, "the path of the folder of keys is too long");
}

/* ---- the accounts of a board ---- */

/* Undoes escape(). False: it has not written this, or it is too long. */
static bool unescape(const char *name, size_t length, char *out, size_t size) {
  static const char digits[] = "0123456789ABCDEF";
  size_t used = 0;
  for (size_t i = 0; i < length; i++) {
    char byte = name[i];
    if (byte == '%') {
      const char *high = i + 2 < length ? strchr(digits, name[i + 1]) : NULL;
      const char *low = i + 2 < length ? strchr(digits, name[i + 2]) : NULL;
      if (high == NULL || low == NULL) return false;
      byte = (char)((high - digits) * 16 + (low - digits));
      i += 2;
    }
    if (byte == '\0' || used + 1 >= size) return false;
    out[used++] = byte;
  }
  out[used] = '\0';
  return true;
}

/* `name` is that of a folder, `suffix` that of the board. */
static void add_account(struct p2p_key_accounts *accounts, const char *name, const char *suffix) {
  size_t length = strlen(name), rest = strlen(suffix);
  char *out = accounts->names[accounts->n];
  if (accounts->n == P2P_KEY_ACCOUNTS_MAX || length <= rest ||
      strcmp(name + length - rest, suffix) != 0)
    return;
  if (unescape(name, length - rest, out, P2P_USER_NAME_MAX) &&
      p2p_user_name_is_valid(out, strlen(out)))
    accounts->n++;
}

int p2p_key_place_accounts(const struct p2p_key_place *place, struct p2p_key_accounts *out,
                           struct p2p_err *err) {
  const struct p2p_key_place nobody = {.board = place->board, .account = ""};
  struct p2p_key_folder folder;
  char board[BOARD_TEXT_MAX], suffix[NAME_MAX_BYTES];
  out->n = 0;
  name_board(&nobody, board);
  if (!escape(board, strlen(board), suffix))
    return p2p_err_set(err, P2P_ERR_TOO_LARGE, "the name of the board is too long");
  int code = p2p_key_folder_open(place->folder, false, &folder, err);
  if (code != P2P_OK || folder.fd < 0) return code;
  DIR *entries = fdopendir(folder.fd); /* closes it */
  if (entries == NULL) {
    p2p_key_folder_close(&folder);
    return p2p_err_set(err, P2P_ERR_SYSTEM, "cannot read folder '%s'", place->folder);
  }
  for (const struct dirent *entry; (entry = readdir(entries)) != NULL;)
    add_account(out, entry->d_name, suffix);
  closedir(entries);
  return P2P_OK;
}
