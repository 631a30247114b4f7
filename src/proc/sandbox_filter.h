/* A filter of system calls (seccomp), for what Landlock and namespaces do not cover. */
#ifndef P2P_PROC_SANDBOX_FILTER_H
#define P2P_PROC_SANDBOX_FILTER_H

#include "base/err.h"
#include "proc/sandbox_config.h"

/* Refuses, for the calling thread and what it starts: sockets to others, reading the memory of
 * processes, namespaces and mounts, parts of the kernel that programs rarely need, and changes of
 * the modes, owners and times of files; with both levels, set-user-id programs, and with
 * P2P_SANDBOX_LANDLOCK, how other processes are scheduled. Leaving the process group seems to
 * succeed. Needs no_new_privs. P2P_ERR_SYSTEM, also on a processor other than x86_64 and aarch64.
 */
int p2p_sandbox_filter_enter(const struct p2p_sandbox *sandbox, struct p2p_err *err) P2P_MUST_USE;

#endif
