/* Whether a worker's R and future can evaluate what this session serializes. Pure. */
#ifndef P2P_PROTOCOL_VERSIONS_H
#define P2P_PROTOCOL_VERSIONS_H

#include <stdbool.h>

#include "base/err.h"

#define P2P_VERSION_MAX 32 /* with its NUL */

/* "4.2.2", "1.69.0", "1.70.0-9001": two to eight numbers of at most nine digits, joined by '.' or
 * '-'. */
bool p2p_version_is_valid(const char *text);
/* P2P_OK, or P2P_ERR_VERSION with a sentence: "carol@desk:4711 has future 1.33.0, tasks of this
 * session need future >= 1.69.0". All versions are valid ones. */
int p2p_versions_check(const char *worker, const char *r_version, const char *future_version,
                       const char *own_r_version, struct p2p_err *err) P2P_MUST_USE;

#endif
