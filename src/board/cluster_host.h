/* The program behind host_cluster(): the owner's member that holds the access list, and tells every
 * two minutes who may come. Thread-safe. */
#ifndef P2P_BOARD_CLUSTER_HOST_H
#define P2P_BOARD_CLUSTER_HOST_H

#include "base/log_queue.h"
#include "board/member.h"

struct p2p_cluster_host;

/* Starts to host; what happens is told on `events` (borrowed): P2P_LOG_INFO "Hosting ...",
 * P2P_LOG_FATAL when it ended. Any thread but the io thread, like _free. */
int p2p_cluster_host_new(const struct p2p_member_config *config, struct p2p_log_queue *log,
                         struct p2p_cluster_host **out, struct p2p_err *err) P2P_MUST_USE;
void p2p_cluster_host_free(struct p2p_cluster_host *host); /* takes NULL */

#endif
