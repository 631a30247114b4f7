/* The sandbox of a program: what it may read, write and reach, from its first instruction on. A
 * process enters it and then replaces itself by the program, so that no library of the program has
 * started a thread outside of it. Linux only: elsewhere it is an error. For P2P_SANDBOX_SEATBELT,
 * see proc/sandbox_seatbelt.
 *
 * P2P_SANDBOX_LANDLOCK: the process stays where it is, and the kernel refuses what is not listed:
 * files by Landlock, everything else by a filter of system calls. P2P_SANDBOX_NAMESPACES: besides,
 * it has a file system, processes and, without `net`, a network of its own. */
#ifndef P2P_PROC_SANDBOX_H
#define P2P_PROC_SANDBOX_H

#include "base/err.h"
#include "proc/sandbox_config.h"

/* Puts the calling process, which must have one thread only, into the sandbox. With
 * P2P_SANDBOX_NAMESPACES it returns in a new process, as p2p_sandbox_namespaces_enter() does.
 * P2P_ERR_SYSTEM: this machine does not offer it, and the process must end. */
int p2p_sandbox_enter(const struct p2p_sandbox *sandbox, struct p2p_err *err) P2P_MUST_USE;

#endif
