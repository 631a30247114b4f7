/* System calls that a sandbox refuses, by number. The lists end with -1. Linux on x86_64 and
 * aarch64, whose calls from number 424 on have the same numbers. */
#ifndef P2P_PROC_SANDBOX_CALLS_H
#define P2P_PROC_SANDBOX_CALLS_H

#include <sys/syscall.h>

#define P2P_SANDBOX_LAST_CALL 462 /* mseal, of Linux 6.10: what is newer does not exist */

/* F_SETOWN, F_SETSIG, F_SETOWN_EX: signals to other processes when a file is ready. */
#define P2P_SANDBOX_FCNTL_OWNERS 8, 10, 15
/* TIOCSTI and TIOCLINUX, which type into a terminal; FIOSETOWN, SIOCSPGRP, as F_SETOWN. */
#define P2P_SANDBOX_IOCTLS 0x5412, 0x541c, 0x8901, 0x8902

extern const int p2p_sandbox_calls_refused[];
/* For these, programs have another way if the kernel does not have them. */
extern const int p2p_sandbox_calls_missing[];
/* They change the mode, the owner, the times or attributes of any file by its path, or watch it. */
extern const int p2p_sandbox_calls_on_metadata[];

#endif
