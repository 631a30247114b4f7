/* Namespaces: users, mounts, processes, IPC, host name, and, without `net`, network. */
#ifndef P2P_PROC_SANDBOX_NAMESPACES_H
#define P2P_PROC_SANDBOX_NAMESPACES_H

#include "base/err.h"
#include "proc/sandbox_config.h"

/* Returns in a new process that sees the file system of proc/sandbox_mounts and no process but its
 * own. The calling process waits, ignores SIGINT, and ends as the new one ends. When it is killed,
 * the new process and all that it has started are killed, too. P2P_ERR_SYSTEM, perhaps in a process
 * of its own, which must end. */
int p2p_sandbox_namespaces_enter(const struct p2p_sandbox *sandbox,
                                 struct p2p_err *err) P2P_MUST_USE;

#endif
