/* The limit on core files of this process (RLIMIT_CORE). */
#ifndef P2P_PROC_CORE_LIMIT_H
#define P2P_PROC_CORE_LIMIT_H

/* From now on, this process and those that it starts write no core files. Cannot be undone. */
void p2p_core_limit_set(void);

#endif
