/* The errors of lost tasks. */
#include "client/task_loss.h"

#include "protocol/identity.h"

void p2p_task_loss_of_link(struct p2p_task *task, bool is_closed, const char *why,
                           struct p2p_err *err) {
  char worker[P2P_IDENTITY_LABEL_MAX];
  p2p_task_worker(task, worker, sizeof worker);
  if (is_closed)
    p2p_err_set(err, P2P_ERR_LOST,
                "worker '%s' closed the link while it was evaluating future '%s': %s", worker,
                p2p_task_label(task), why);
  else
    p2p_err_set(err, P2P_ERR_LOST,
                "the link to worker '%s' was lost (%s) while it was evaluating future '%s'", worker,
                why, p2p_task_label(task));
}

void p2p_task_loss_of_part(struct p2p_task *task, int code, struct p2p_err *err) {
  if (code == P2P_ERR_LOST)
    p2p_err_set(err, code,
                "future '%s' cannot be run again, since one of its globals was changed in place "
                "after the future was created",
                p2p_task_label(task));
  else
    p2p_err_set(err, code, "cannot send a global of future '%s': %s", p2p_task_label(task),
                p2p_err_name(code));
}

bool p2p_task_loss_retries(struct p2p_task *task, enum p2p_lost_kind kind,
                           const struct p2p_err *why) {
  if (kind == P2P_LOST_FINAL) return false;
  return (kind == P2P_LOST_NOT_BEGUN && p2p_task_requeue(task)) || p2p_task_retry(task, why);
}

/* Retries would have helped it. */
void p2p_task_loss_fail(struct p2p_task *task, struct p2p_err *err) {
  struct p2p_err last;
  if (p2p_task_losses(task, &last) == 0) p2p_err_because(err, "worker_lost", err->code);
  p2p_task_fail(task, err);
}
