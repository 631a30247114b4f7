/* The limit on open files of this process (RLIMIT_NOFILE). */
#ifndef P2P_PROC_FILE_LIMIT_H
#define P2P_PROC_FILE_LIMIT_H

#include <stdint.h>

/* Raises the limit to `wanted`, or as far as the system allows. Never lowers it. Returns the limit
 * that applies now; UINT64_MAX without a limit, or if it is unknown. */
uint64_t p2p_file_limit_raise(uint64_t wanted);

#endif
