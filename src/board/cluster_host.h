/* The host of a cluster, behind host_cluster(): the owner's member that opens the topic with the
 * access list. Any thread but the io thread. */
#ifndef P2P_BOARD_CLUSTER_HOST_H
#define P2P_BOARD_CLUSTER_HOST_H

#include "base/log_queue.h"
#include "board/member.h"

struct p2p_cluster_host;

/* Starts the host. It writes to `log` (borrowed): P2P_LOG_INFO "hosting ...", P2P_LOG_FATAL when it
 * ended. Role and log of `config` are ignored. P2P_ERR_INVALID, P2P_ERR_TOO_LARGE, P2P_ERR_MEMORY,
 * P2P_ERR_CLOSED. */
int p2p_cluster_host_new(const struct p2p_member_config *config, struct p2p_log_queue *log,
                         struct p2p_cluster_host **out, struct p2p_err *err) P2P_MUST_USE;
void p2p_cluster_host_free(struct p2p_cluster_host *host); /* takes NULL */

#endif
