/* Which R packages are installed, as their DESCRIPTION files say. Any thread; may block for long on
 * a network file system, so the io thread uses worker/package_lookup.h. */
#ifndef P2P_WORKER_PACKAGE_LIBRARY_H
#define P2P_WORKER_PACKAGE_LIBRARY_H

#include <stddef.h>

#include "base/buf.h"
#include "protocol/package_list.h"

/* Appends the reply to the payload of a PACKAGES request to `out`, which is empty. `libraries` are
 * the folders that contain packages, one per line, in the order in which R searches them; NULL:
 * none. P2P_ERR_PARSE and P2P_ERR_TOO_LARGE for a request that is malformed or too long;
 * P2P_ERR_TOO_LARGE also when `out` is full; P2P_ERR_MEMORY. */
int p2p_package_library_reply(const char *libraries, const void *request, size_t length,
                              struct p2p_buf *out) P2P_MUST_USE;

#endif
