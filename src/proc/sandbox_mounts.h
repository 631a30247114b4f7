/* The file system of a sandbox: the files of the system and the paths of the sandbox, at their
 * usual places; its own /proc, /tmp and /dev; and nothing else. */
#ifndef P2P_PROC_SANDBOX_MOUNTS_H
#define P2P_PROC_SANDBOX_MOUNTS_H

#include "base/err.h"
#include "proc/sandbox_config.h"

/* Makes it the file system of the calling process, the first one of its namespaces. Keeps the
 * working directory if it is there. P2P_ERR_SYSTEM, P2P_ERR_MEMORY: the process must end. */
int p2p_sandbox_mounts_enter(const struct p2p_sandbox *sandbox, struct p2p_err *err) P2P_MUST_USE;

#endif
