/* Where the files of one cluster on one board are: FOLDER/BOARD/OWNER/NAME/, with `membership`,
 * `members` (of the owner) and `lock`. Several accounts of one computer have files of their own:
 * BOARD is then "account@host:port". The three are names from elsewhere, written so that they are
 * one name of a file each, also where the file system does not tell upper from lower case. */
#ifndef P2P_KEYS_PLACE_H
#define P2P_KEYS_PLACE_H

#include <stdbool.h>

#include "keys/folder.h"
#include "protocol/member_name.h"

#define P2P_CLUSTER_TEXT_MAX (P2P_USER_NAME_MAX + P2P_CLUSTER_NAME_MAX) /* "owner/name", NUL */

struct p2p_key_place { /* borrowed */
  const char *folder;  /* of all keys; not NULL */
  const char *board;   /* "host:port", as the user names the board */
  const char *cluster; /* "owner/name" */
  const char *account; /* our user name on the board; NULL: not known yet */
};

#define P2P_KEY_ACCOUNTS_MAX 64

struct p2p_key_accounts {
  char names[P2P_KEY_ACCOUNTS_MAX][P2P_USER_NAME_MAX];
  size_t n;
};

/* Pure. */
bool p2p_key_board_is_valid(const char *board);
bool p2p_key_cluster_is_valid(const char *cluster);

/* Opens the folder of the cluster, as p2p_key_folder_open. P2P_ERR_INVALID for malformed names;
 * P2P_ERR_TOO_LARGE. Blocks; any thread but the io thread. */
int p2p_key_place_open(const struct p2p_key_place *place, bool make, struct p2p_key_folder *out,
                       struct p2p_err *err) P2P_MUST_USE;

/* The same, and takes its lock. A folder that there is not, unless `make`, has none. */
int p2p_key_place_lock(const struct p2p_key_place *place, bool make, struct p2p_key_folder *out,
                       struct p2p_err *err) P2P_MUST_USE;

/* The accounts on the board of `place` for which there are files, in any order; the others of more
 * than P2P_KEY_ACCOUNTS_MAX are left out. As p2p_key_folder_open. Blocks, as above. */
int p2p_key_place_accounts(const struct p2p_key_place *place, struct p2p_key_accounts *out,
                           struct p2p_err *err) P2P_MUST_USE;

/* The path of a file in it, for net/file_watch.h. P2P_ERR_INVALID, P2P_ERR_TOO_LARGE. Pure. */
int p2p_key_place_path(const struct p2p_key_place *place, const char *name,
                       char out[P2P_KEY_PATH_MAX], struct p2p_err *err) P2P_MUST_USE;

#endif
