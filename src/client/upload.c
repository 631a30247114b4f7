/* The bytes of a task on their way out. */
#include "client/upload.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/frame.h"

/* Of a part that may change at any time: what is sent is a copy, whose fingerprint must be the id
 * before the last bytes go. */
struct p2p_part_check {
  struct p2p_fingerprint *fingerprint;
  uint8_t bytes[P2P_FRAME_PAYLOAD_MAX];
};

static void end_check(struct p2p_upload *upload) {
  if (upload->check == NULL) return;
  p2p_fingerprint_free(upload->check->fingerprint);
  free(upload->check);
  upload->check = NULL;
}

void p2p_upload_clear(struct p2p_upload *upload) {
  p2p_upload_done(upload);
  end_check(upload);
}

size_t p2p_upload_begin(struct p2p_upload *upload, struct p2p_task *task,
                        uint8_t header[static P2P_UPLOAD_HEADER_MAX]) {
  struct p2p_task_parts parts;
  p2p_part_list_describe(p2p_task_parts(task), &parts);
  uint64_t size = p2p_blob_size(p2p_task_object(task));
  bool waits = parts.n > 0 || !p2p_resources_are_none(&p2p_task_requirements(task)->resources);
  *upload = (struct p2p_upload){.waits = waits, .wanted = waits ? 0 : size};
  size_t length = p2p_task_header_write(size, p2p_task_label(task), header);
  return length + p2p_task_parts_write(&parts, header + length);
}

int p2p_upload_need(struct p2p_upload *upload, struct p2p_task *task, const void *payload,
                    size_t length) {
  if (!upload->waits) return P2P_ERR_PROTOCOL;
  const struct p2p_part_list *list = p2p_task_parts(task);
  int code = p2p_need_read(payload, length, list->n, &upload->needed);
  if (code != P2P_OK) return code;
  upload->waits = false;
  upload->wanted = p2p_blob_size(p2p_task_object(task));
  for (uint32_t i = 0; i < list->n; i++)
    if (upload->needed >> i & 1) upload->wanted += p2p_part_size(list->parts[i]);
  return P2P_OK;
}

/* The part that is sent now or next; NULL: the object is. */
static struct p2p_part *next_part(struct p2p_upload *upload, struct p2p_task *task) {
  const struct p2p_part_list *list = p2p_task_parts(task);
  while (upload->at < list->n && (!(upload->needed >> upload->at & 1) ||
                                  upload->sent == p2p_part_size(list->parts[upload->at]))) {
    upload->at++;
    upload->sent = 0;
    end_check(upload);
  }
  return upload->at < list->n ? list->parts[upload->at] : NULL;
}

bool p2p_upload_is_left(struct p2p_upload *upload, struct p2p_task *task) {
  return upload->waits || next_part(upload, task) != NULL ||
         upload->sent < p2p_blob_size(p2p_task_object(task));
}

static size_t at_most(size_t length) {
  return length < P2P_FRAME_PAYLOAD_MAX ? length : P2P_FRAME_PAYLOAD_MAX;
}

static int check(struct p2p_upload *upload, const struct p2p_part *part, const uint8_t **bytes,
                 size_t length) {
  uint8_t id[P2P_FINGERPRINT_LEN];
  uint64_t size;
  if (upload->check == NULL) {
    if (upload->sent > 0) return P2P_ERR_LOST; /* what was sent before may have been changed */
    upload->check = calloc(1, sizeof *upload->check);
    if (upload->check == NULL) return P2P_ERR_MEMORY;
    upload->check->fingerprint = p2p_fingerprint_new();
    if (upload->check->fingerprint == NULL) return P2P_ERR_MEMORY;
  }
  memcpy(upload->check->bytes, *bytes, length);
  *bytes = upload->check->bytes;
  int code = p2p_fingerprint_add(upload->check->fingerprint, *bytes, length);
  if (code != P2P_OK || upload->sent + length < p2p_part_size(part)) return code;
  code = p2p_fingerprint_end(upload->check->fingerprint, id, &size);
  return code == P2P_OK && !p2p_part_has_id(part, id) ? P2P_ERR_LOST : code;
}

static long take_part(struct p2p_upload *upload, struct p2p_part *part, const uint8_t **bytes) {
  bool is_loose;
  if (!p2p_part_hold(part, &is_loose)) return P2P_ERR_LOST;
  upload->held = part;
  size_t length = at_most(p2p_part_span(part, upload->sent, bytes));
  int code = is_loose || upload->check != NULL ? check(upload, part, bytes, length) : P2P_OK;
  if (code != P2P_OK) {
    p2p_upload_done(upload);
    return code;
  }
  upload->sent += length;
  upload->total += length;
  return (long)length;
}

long p2p_upload_take(struct p2p_upload *upload, struct p2p_task *task, const uint8_t **bytes) {
  if (upload->waits) return 0;
  struct p2p_part *part = next_part(upload, task);
  if (part != NULL) return take_part(upload, part, bytes);
  size_t length = at_most(p2p_blob_span(p2p_task_object(task), upload->sent, bytes));
  upload->sent += length;
  upload->total += length;
  return (long)length;
}

void p2p_upload_done(struct p2p_upload *upload) {
  if (upload->held != NULL) p2p_part_release(upload->held);
  upload->held = NULL;
}
