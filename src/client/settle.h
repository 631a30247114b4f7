/* What a task has borrowed from R (client/part.h). R's thread. */
#ifndef P2P_CLIENT_SETTLE_H
#define P2P_CLIENT_SETTLE_H

#include "client/task.h"

/* Ends the time in which it does not change: copies what was not sent. */
void p2p_settle(struct p2p_task *task);
/* It is gone. If it has to be sent again, the task fails. */
void p2p_abandon(struct p2p_task *task);

#endif
