/* A sandbox of macOS, by the program sandbox-exec(1). It enters the sandbox and becomes the program
 * that it is given, so that this is the same process. */
#ifndef P2P_PROC_SANDBOX_SEATBELT_H
#define P2P_PROC_SANDBOX_SEATBELT_H

#include "base/err.h"
#include "proc/sandbox_config.h"

#define P2P_SANDBOX_SEATBELT_PATH_MAX 1024 /* bytes, with the NUL, as the kernel of macOS */

/* The command that runs `program` (NULL-terminated) in the sandbox: NULL-terminated, for
 * p2p_sandbox_seatbelt_free. On any system. P2P_ERR_INVALID: a path is relative or too long;
 * P2P_ERR_SYSTEM: it cannot be resolved, though it exists; P2P_ERR_TOO_LARGE, P2P_ERR_MEMORY. */
int p2p_sandbox_seatbelt_command(const struct p2p_sandbox *sandbox, char *const *program,
                                 char ***out, struct p2p_err *err) P2P_MUST_USE;
void p2p_sandbox_seatbelt_free(char **command); /* takes NULL */

/* Becomes `program` in the sandbox. Returns an error only, on other systems always: the process
 * must end. If the rules are refused, it is sandbox-exec that says so, and ends. */
int p2p_sandbox_seatbelt_become(const struct p2p_sandbox *sandbox, char *const *program,
                                struct p2p_err *err) P2P_MUST_USE;

#endif
