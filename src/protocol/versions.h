/* Versions of R and of the package future, and whether a worker with them can run tasks. Pure. */
#ifndef P2P_PROTOCOL_VERSIONS_H
#define P2P_PROTOCOL_VERSIONS_H

#include <stdbool.h>

#include "base/err.h"

#define P2P_VERSION_MAX 32 /* with its NUL */

/* True for two to eight numbers of at most nine digits each, joined by '.' or '-': "4.2.2",
 * "1.70.0-9001". */
bool p2p_version_is_valid(const char *text);
/* P2P_OK, or P2P_ERR_VERSION: "worker 'carol@desk:4711' has future 1.33.0, but future >= 1.69.0 is
 * needed". All versions must be valid. */
int p2p_versions_check(const char *worker, const char *r_version, const char *future_version,
                       const char *own_r_version, struct p2p_err *err) P2P_MUST_USE;

#endif
