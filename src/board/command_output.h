/* The whole output of a short command on the board (`user`, `services`, `ls`). io thread only. */
#ifndef P2P_BOARD_COMMAND_OUTPUT_H
#define P2P_BOARD_COMMAND_OUTPUT_H

#include "board/ssh.h"

#define P2P_COMMAND_OUTPUT_MAX (256 * 1024) /* bytes of an output */

struct p2p_command_output;

/* Runs the command and calls fn once it has ended, with the output (not NUL-terminated), or NULL
 * when that was longer than P2P_COMMAND_OUTPUT_MAX. Does not call fn when the connection ends
 * first. Free the output before the connection. */
int p2p_command_output_request(struct p2p_ssh *ssh, const char *command,
                               void (*fn)(void *arg, const char *text, size_t length), void *arg,
                               struct p2p_command_output **out, struct p2p_err *err) P2P_MUST_USE;
/* fn is not called any more. Within fn, the text is valid until fn returns. Takes NULL. */
void p2p_command_output_free(struct p2p_command_output *output);

#endif
