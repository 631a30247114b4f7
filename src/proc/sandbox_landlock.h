/* Landlock: rules of the kernel about files, and, depending on its version, about TCP, abstract
 * sockets and signals. */
#ifndef P2P_PROC_SANDBOX_LANDLOCK_H
#define P2P_PROC_SANDBOX_LANDLOCK_H

#include "base/err.h"
#include "proc/sandbox_config.h"

/* The version of the kernel's Landlock, 1 or more; 0: it has none. */
int p2p_sandbox_landlock_version(void);
/* Confines the calling thread, and what it starts, to the files of the system, /proc, and the
 * paths of the sandbox. Needs no_new_privs. P2P_ERR_SYSTEM, also if the kernel has no Landlock,
 * with which namespaces can do without. */
int p2p_sandbox_landlock_enter(const struct p2p_sandbox *sandbox, struct p2p_err *err) P2P_MUST_USE;

#endif
