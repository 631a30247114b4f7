/* Conditions and results on their way in. */
#include "client/received.h"

const char *p2p_received_name(const struct p2p_received *received) {
  return received->kind == P2P_RECEIVED_RESULT ? "result" : "condition";
}

void p2p_received_too_large(const struct p2p_received *received, const struct p2p_task *task,
                            const char *worker, uint64_t cap_bytes, struct p2p_err *err) {
  p2p_err_because(
      err, "object_too_large",
      p2p_err_set(err, P2P_ERR_TOO_LARGE,
                  "the %s of future '%s' from worker '%s' is too large: %llu bytes, but this "
                  "session accepts at most %llu bytes",
                  p2p_received_name(received), p2p_task_label(task), worker,
                  (unsigned long long)received->missing_bytes, (unsigned long long)cap_bytes));
}

int p2p_received_keep(struct p2p_received *received, struct p2p_task *task) {
  if (received->kind == P2P_RECEIVED_CONDITION) {
    received->condition = p2p_blob_new(received->missing_bytes);
    return received->condition != NULL ? P2P_OK : P2P_ERR_MEMORY;
  }
  received->result = p2p_result_new(received->missing_bytes);
  if (received->result == NULL) return P2P_ERR_MEMORY;
  (void)p2p_task_receive(task, received->result); /* false: it was cancelled at this moment */
  return P2P_OK;
}

int p2p_received_append(struct p2p_received *received, const void *bytes, size_t length) {
  int code = P2P_OK;
  if (received->condition != NULL)
    code = p2p_blob_append(received->condition, bytes, length);
  else if (received->result != NULL)
    code = p2p_result_append(received->result, bytes, length);
  received->missing_bytes -= length;
  received->total += length;
  return code;
}

bool p2p_received_complete(struct p2p_received *received, struct p2p_task *task) {
  struct p2p_blob *condition = received->condition;
  received->kind = P2P_RECEIVED_NOTHING;
  received->condition = NULL;
  if (condition != NULL) return p2p_task_add_condition(task, condition);
  return received->result != NULL && p2p_task_finish(task);
}

void p2p_received_discard(struct p2p_received *received) {
  p2p_blob_free(received->condition);
  if (received->result != NULL) p2p_result_break(received->result);
  p2p_result_free(received->result);
  received->condition = NULL;
  received->result = NULL;
}
