/* What the command line of the program `wormhole` says. Pure. */
#ifndef P2P_SHELL_ARGUMENTS_H
#define P2P_SHELL_ARGUMENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

enum p2p_shell_action { P2P_SHELL_HELP, P2P_SHELL_VERSION, P2P_SHELL_SEND, P2P_SHELL_RECEIVE };

struct p2p_arguments {
  enum p2p_shell_action action;
  const char *file;                                 /* to send; NULL: the text is */
  const char *text, *code, *path, *mailbox, *relay; /* NULL: not given */
  bool listen, verify;
  bool has_progress, progress;
  uint32_t timeout_ms;
};

/* The words after the program's name; borrowed. P2P_ERR_INVALID with a sentence. */
int p2p_arguments_parse(int count, char *const words[], struct p2p_arguments *out,
                        struct p2p_err *err) P2P_MUST_USE;

#endif
