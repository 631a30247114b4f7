/* While this process holds keys: nobody else may look into it. Any thread. */
#ifndef P2P_PROC_SECRECY_H
#define P2P_PROC_SECRECY_H

/* From now on, no other process of the same user can read the memory, the environment or the open
 * files of this one (/proc, ptrace; Linux), and it writes no core file. On Linux, programs that it
 * starts are not affected. Privileged users, as root, still can read. Calls are counted. */
void p2p_secrecy_begin(void);
/* Ends one p2p_secrecy_begin(); the last one restores what was before. */
void p2p_secrecy_end(void);

#endif
