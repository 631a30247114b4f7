/* Which packages a worker has: the answer to a client's PACKAGES frame. Questions are hostile. Any
 * thread. */
#ifndef P2P_WORKER_PACKAGE_LIBRARY_H
#define P2P_WORKER_PACKAGE_LIBRARY_H

#include <stddef.h>

#include "base/buf.h"
#include "protocol/package_list.h"

/* Answers "a;b;c" with "a=1.2.3;b=;c=0.9", appended to `out`, which is empty; an absent package has
 * no version. `libraries` are the folders that packages are in, one a line, the first of several
 * that has one counts; NULL: none. P2P_ERR_PARSE for names that are not of letters, digits and
 * dots, a letter first; P2P_ERR_TOO_LARGE for too many, or where `out` is full. */
int p2p_package_library_answer(const char *libraries, const void *question, size_t length,
                               struct p2p_buf *out) P2P_MUST_USE;

#endif
