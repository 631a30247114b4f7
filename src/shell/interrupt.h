/* Ctrl-C and the like end a transfer at every moment and in good order: they are noted, and whoever
 * waits learns it by a descriptor. */
#ifndef P2P_SHELL_INTERRUPT_H
#define P2P_SHELL_INTERRUPT_H

#include <stdbool.h>

#include "base/err.h"

/* From now on SIGINT, SIGTERM and SIGHUP are noted, but for those that whoever started us wants
 * ignored, as `nohup` and a shell's `&` do. And nobody's ceasing to read what we print ends the
 * program in the middle (SIGPIPE). Once per process. P2P_ERR_SYSTEM. */
int p2p_interrupt_catch(void) P2P_MUST_USE;
bool p2p_interrupt_came(void);
/* Readable for good once one came; to be polled only. */
int p2p_interrupt_fd(void);

#endif
