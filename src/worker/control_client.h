/* The other end of a control socket: asks a worker of this account on this machine. Blocks; any
 * thread but the io thread. */
#ifndef P2P_WORKER_CONTROL_CLIENT_H
#define P2P_WORKER_CONTROL_CLIENT_H

#include "worker/control_line.h"

/* Asks the worker with this process id; *reply is its line without the newline. Takes at most
 * P2P_CONTROL_TIMEOUT_MS. P2P_ERR_CLOSED: there is no such worker; P2P_ERR_TIMEOUT;
 * P2P_ERR_SYSTEM; P2P_ERR_ACCESS: others may enter the folder. */
int p2p_control_ask(const char *folder, long pid, enum p2p_control_op op,
                    char reply[static P2P_CONTROL_REPLY_MAX], struct p2p_err *err) P2P_MUST_USE;

#endif
