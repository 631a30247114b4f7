/* Privileges and limits that the program of a sandbox does not have. */
#ifndef P2P_PROC_SANDBOX_PRIVILEGES_H
#define P2P_PROC_SANDBOX_PRIVILEGES_H

#include "base/err.h"

/* Gives up all capabilities (Linux) for good, also those of user 0 and of set-user-id programs;
 * closes all descriptors but 0 to 4; and limits processes, descriptors and core dumps.
 * P2P_ERR_SYSTEM. */
int p2p_sandbox_privileges_drop(struct p2p_err *err) P2P_MUST_USE;

#endif
