/* The whole output of a short command on the board (`user`, `services`, `ls`). io thread only. */
#ifndef P2P_BOARD_ANSWER_H
#define P2P_BOARD_ANSWER_H

#include "board/ssh_session.h"

#define P2P_ANSWER_MAX (256 * 1024) /* bytes of an output */

struct p2p_answer;

/* fn is called once, when the command has ended: text (not NUL-terminated), or NULL when it was longer than
 * P2P_ANSWER_MAX. It is not called when the connection ends first. Free the answer before the connection, or from fn. */
int p2p_answer_ask(struct p2p_ssh *ssh, const char *command, void (*fn)(void *arg, const char *text, size_t length),
                   void *arg, struct p2p_answer **out, struct p2p_err *err) P2P_MUST_USE;
void p2p_answer_free(struct p2p_answer *answer); /* takes NULL */

#endif
