/* What the program `wormhole` shows to its user, on standard error. */
#ifndef P2P_SHELL_CONSOLE_H
#define P2P_SHELL_CONSOLE_H

#include <stdbool.h>

#include "transfer/transfer.h"

#define P2P_CONSOLE_SIZE_MAX 32

/* Writes a size in bytes: "17 bytes", "100 kB", "1.2 GB". */
void p2p_console_size(uint64_t bytes, char out[static P2P_CONSOLE_SIZE_MAX]);
/* The next step after an error with this reason (may be NULL), as a sentence. NULL: none. */
const char *p2p_console_advice(const char *reason);

void p2p_console_usage(int fd);
/* The error, and the next step if there is one. */
void p2p_console_error(const struct p2p_err *err);
/* The code, and the command to run on the other machine. */
void p2p_console_code(const struct p2p_transfer_config *config, const char *code);
/* That the other side has not come yet. */
void p2p_console_waiting(void);
/* The verifier, and the question whether it is the same on the other side. */
void p2p_console_verifier(const char *verifier);
/* The progress. Replaces the previous line. */
void p2p_console_progress(const struct p2p_transfer_status *status);
/* The end of a transfer that succeeded. */
void p2p_console_end(const struct p2p_transfer_status *status, bool is_sender);

#endif
