/* The end of a fork of a process that has used a loop. */
#ifndef P2P_NET_LOOP_FORK_H
#define P2P_NET_LOOP_FORK_H

/* Call it in such a fork before exit(), whose libuv destructor would otherwise wait forever for the
 * threads of the parent. */
void p2p_loop_prepare_exit_of_fork(void);

#endif
