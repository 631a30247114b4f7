/* What becomes of a task whose worker, link or global was lost. io thread. */
#ifndef P2P_CLIENT_TASK_LOSS_H
#define P2P_CLIENT_TASK_LOSS_H

#include "client/task.h"
#include "protocol/lost.h"

/* Of a running task; `is_closed`: the worker has ended the link. */
void p2p_task_loss_of_link(struct p2p_task *task, bool is_closed, const char *why,
                           struct p2p_err *err);
/* `code`: of p2p_upload_take. */
void p2p_task_loss_of_part(struct p2p_task *task, int code, struct p2p_err *err);

/* Puts a lost task back into the state of waiting, if it may run again. */
bool p2p_task_loss_retries(struct p2p_task *task, enum p2p_lost_kind kind,
                           const struct p2p_err *why);
/* Fails it. Of a task that had no retries, *err says so. */
void p2p_task_loss_fail(struct p2p_task *task, struct p2p_err *err);

#endif
