/* What makes a file or folder private. Bits of an access control list show in those of the group.
 */
#include "keys/privacy.h"

#include <unistd.h>

#define OTHERS (S_IRWXG | S_IRWXO)
#define PERMISSIONS (S_IRWXU | OTHERS)

int p2p_privacy_check(const struct stat *info, const char *what, const char *path,
                      struct p2p_err *err) {
  if (info->st_uid != geteuid())
    return p2p_err_because(
        err, "keys_owner",
        p2p_err_set(err, P2P_ERR_ACCESS, "the %s '%s' belongs to another user", what, path));
  if ((info->st_mode & OTHERS) != 0)
    return p2p_err_because(err, "keys_exposed",
                           p2p_err_set(err, P2P_ERR_ACCESS,
                                       "other users can read or change the %s '%s' (mode %03o)",
                                       what, path, (unsigned)(info->st_mode & PERMISSIONS)));
  return P2P_OK;
}
