/* How a process has ended, as waitpid() reports it. */
#ifndef P2P_PROC_WAIT_STATUS_H
#define P2P_PROC_WAIT_STATUS_H

/* Ends this process in the same way, by the same signal or with the same exit status, but without a
 * core file. Does not return. */
void p2p_wait_status_repeat(int status);

#endif
