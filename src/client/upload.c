/* The bytes of a task on their way out. */
#include "client/upload.h"

#include "protocol/frame.h"

size_t p2p_upload_begin(struct p2p_upload *upload, struct p2p_task *task,
                        uint8_t header[static P2P_UPLOAD_HEADER_MAX]) {
  struct p2p_task_parts parts;
  p2p_part_list_describe(p2p_task_parts(task), &parts);
  *upload = (struct p2p_upload){.waits = parts.n > 0};
  size_t length =
      p2p_task_header_write(p2p_blob_size(p2p_task_object(task)), p2p_task_label(task), header);
  return length + p2p_task_parts_write(&parts, header + length);
}

int p2p_upload_need(struct p2p_upload *upload, struct p2p_task *task, const void *payload,
                    size_t length) {
  if (!upload->waits) return P2P_ERR_PROTOCOL;
  int code = p2p_need_read(payload, length, p2p_task_parts(task)->n, &upload->needed);
  if (code == P2P_OK) upload->waits = false;
  return code;
}

/* The object that is sent next; NULL: all were sent. */
static const struct p2p_blob *current(const struct p2p_upload *upload, struct p2p_task *task) {
  const struct p2p_part_list *list = p2p_task_parts(task);
  const struct p2p_blob *object =
      upload->at < list->n ? p2p_part_bytes(list->parts[upload->at]) : p2p_task_object(task);
  return upload->sent < p2p_blob_size(object) ? object : NULL;
}

bool p2p_upload_is_left(const struct p2p_upload *upload, struct p2p_task *task) {
  return upload->at < p2p_task_parts(task)->n || current(upload, task) != NULL;
}

size_t p2p_upload_take(struct p2p_upload *upload, struct p2p_task *task, const uint8_t **bytes) {
  uint32_t n = p2p_task_parts(task)->n;
  if (upload->waits) return 0;
  while (upload->at < n && (!(upload->needed >> upload->at & 1) || current(upload, task) == NULL)) {
    upload->at++;
    upload->sent = 0;
  }
  const struct p2p_blob *object = current(upload, task);
  if (object == NULL) return 0;
  size_t length = p2p_blob_span(object, upload->sent, bytes);
  if (length > P2P_FRAME_PAYLOAD_MAX) length = P2P_FRAME_PAYLOAD_MAX;
  upload->sent += length;
  return length;
}
