/* Signals that end the program. They are recorded, so that a transfer can be canceled properly at
 * any time. Once per process. */
#ifndef P2P_SHELL_INTERRUPT_H
#define P2P_SHELL_INTERRUPT_H

#include <stdbool.h>

#include "base/err.h"

/* From now on, SIGINT, SIGTERM and SIGHUP are recorded, except for those that are ignored, as under
 * `nohup`. SIGPIPE is ignored: writing to a closed pipe is an error, not the end. P2P_ERR_SYSTEM.
 */
int p2p_interrupt_catch(struct p2p_err *err) P2P_MUST_USE;
/* Whether a signal has arrived. */
bool p2p_interrupt_is_pending(void);
/* A descriptor that is readable once a signal has arrived. Poll it only. */
int p2p_interrupt_fd(void);

#endif
