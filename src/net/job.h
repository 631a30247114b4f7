/* Work that would hold the io thread up (disk, hashing, encryption of large files): done on a
 * thread of libuv's pool, and told on the io thread. io thread only. */
#ifndef P2P_NET_JOB_H
#define P2P_NET_JOB_H

#include "net/loop.h"

/* Runs work(arg) on another thread, then done(arg) on the io thread. `arg` must live until then: a
 * job is never called back. P2P_ERR_MEMORY: neither will run. */
int p2p_job_run(struct p2p_loop *loop, void (*work)(void *arg), void (*done)(void *arg),
                void *arg) P2P_MUST_USE;

#endif
