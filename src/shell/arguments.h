/* The command line of the program `wormhole`. Pure. */
#ifndef P2P_SHELL_ARGUMENTS_H
#define P2P_SHELL_ARGUMENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

enum p2p_arguments_command {
  P2P_COMMAND_HELP,
  P2P_COMMAND_VERSION,
  P2P_COMMAND_SEND,
  P2P_COMMAND_RECEIVE
};

struct p2p_arguments {
  enum p2p_arguments_command command;
  const char *file;                              /* to send; NULL: send `text` */
  const char *text, *code, *path;                /* NULL: not given */
  const char *host, *ssh_args, *mailbox, *relay; /* NULL: not given */
  bool listen, verify;
  bool has_progress, progress;
  uint32_t timeout_ms;
};

/* Parses the arguments that follow the name of the program. `out` points into them.
 * P2P_ERR_INVALID. */
int p2p_arguments_parse(int count, char *const argv[], struct p2p_arguments *out,
                        struct p2p_err *err) P2P_MUST_USE;

#endif
