/* What the program `wormhole` tells people, on standard error. */
#ifndef P2P_SHELL_CONSOLE_H
#define P2P_SHELL_CONSOLE_H

#include <stdbool.h>

#include "transfer/transfer.h"

#define P2P_CONSOLE_SIZE_MAX 32

/* "17 bytes", "100 kB", "1.2 GB". */
void p2p_console_size(uint64_t bytes, char out[static P2P_CONSOLE_SIZE_MAX]);
void p2p_console_usage(int fd);
/* The code, and what is to be typed on the other side. */
void p2p_console_code(const struct p2p_transfer_config *config, const char *code);
/* The line of a transfer under way, over the one before. */
void p2p_console_progress(const struct p2p_transfer_status *status);
void p2p_console_end(const struct p2p_transfer_status *status, bool is_sender);

#endif
