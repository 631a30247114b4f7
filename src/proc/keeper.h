/* A keeper: the parent of a program, which kills all that the program has started and that still
 * runs when it ends, also daemons, which have left its process group and whose parents have ended.
 *
 * It knows them by ancestry: it is a "subreaper", so the kernel makes it the parent of orphans
 * among its descendants, and it starts nothing but the program. So every child that it ever has is
 * one of them, and processes of others, such as other children of its own parent, are never
 * touched.
 *
 * It sleeps until it gets a signal or the lifeline closes. Linux only. */
#ifndef P2P_PROC_KEEPER_H
#define P2P_PROC_KEEPER_H

#include <signal.h>

#include "base/err.h"

/* Kills the program and all that it has started. SIGINT is passed on to the program's group. When
 * the keeper itself is killed, the kernel kills the program, and daemons may remain. */
#define P2P_KEEPER_KILL SIGTERM
/* The program's group is stopped, or goes on. */
#define P2P_KEEPER_STOP SIGUSR1
#define P2P_KEEPER_CONTINUE SIGUSR2

/* Returns in a new process, the program, which leads a session. The calling process becomes its
 * keeper, closes descriptors 0 to 4 but `lifeline`, kills the program when that descriptor reaches
 * its end, and ends as the program has ended once nothing of it is left. P2P_ERR_SYSTEM, also
 * elsewhere than on Linux. */
int p2p_keeper_enter(int lifeline, struct p2p_err *err) P2P_MUST_USE;

#endif
