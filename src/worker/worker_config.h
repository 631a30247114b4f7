/* What a worker makes of its configuration before it starts. Pure, on any thread. */
#ifndef P2P_WORKER_WORKER_CONFIG_H
#define P2P_WORKER_WORKER_CONFIG_H

#include "protocol/machine.h"
#include "worker/worker.h"

/* P2P_ERR_INVALID; P2P_ERR_CRYPTO: libsodium cannot be initialized. */
int p2p_worker_config_check(const struct p2p_worker_config *config,
                            struct p2p_err *err) P2P_MUST_USE;
/* What is unknown or not valid is not reported. */
void p2p_worker_config_machine(const struct p2p_worker_config *config, struct p2p_machine *out);

#endif
