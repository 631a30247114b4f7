/* Pipes that child processes do not inherit. */
#ifndef P2P_BASE_PIPE_H
#define P2P_BASE_PIPE_H

#include <stdbool.h>

#include "base/err.h"

/* Opens a pipe with close-on-exec set on both ends: ends[0] is read, ends[1] is written. Any
 * thread. P2P_ERR_SYSTEM with errno set; then *err (may be NULL) names the failure and `ends` is
 * unchanged. */
int p2p_pipe_open(int ends[2], bool nonblocking, struct p2p_err *err) P2P_MUST_USE;

#endif
