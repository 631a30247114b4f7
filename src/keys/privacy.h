/* What makes a file or folder private: it belongs to this user, and nobody else has access. Pure.
 */
#ifndef P2P_KEYS_PRIVACY_H
#define P2P_KEYS_PRIVACY_H

#include <sys/stat.h>

#include "base/err.h"

/* P2P_ERR_ACCESS for a file or folder that others can read or change ("keys_exposed") or that
 * belongs to another user ("keys_owner"). `what`: "file" or "folder". */
int p2p_privacy_check(const struct stat *info, const char *what, const char *path,
                      struct p2p_err *err) P2P_MUST_USE;

#endif
