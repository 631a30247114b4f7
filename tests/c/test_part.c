/* Parts: who keeps them, and what is sent of a task that has some. */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "base/endian.h"
#include "client/part.h"
#include "client/upload.h"

static const uint8_t *id_of(int number) {
  static uint8_t id[P2P_PART_ID_LEN];
  memset(id, number, sizeof id);
  return id;
}

static struct p2p_blob *blob_of(size_t size, int byte) {
  struct p2p_blob *blob = p2p_blob_new(size);
  char *bytes = malloc(size);
  memset(bytes, byte, size);
  CHECK(p2p_blob_append(blob, bytes, size) == P2P_OK);
  free(bytes);
  return blob;
}

static struct p2p_part *part_of(int number, size_t size) {
  return p2p_part_new(id_of(number), blob_of(size, number));
}

static bool has(struct p2p_part_cache *cache, int number, uint64_t size) {
  struct p2p_part *part = p2p_part_cache_find(cache, id_of(number), size);
  p2p_part_free(part);
  return part != NULL;
}

TEST(the_cache_keeps_what_is_used_and_some_of_the_rest) {
  struct p2p_part_cache *cache = p2p_part_cache_new(200000);
  struct p2p_part *parts[40];
  for (int i = 0; i < 40; i++) p2p_part_cache_add(cache, parts[i] = part_of(i, 100000));
  p2p_part_cache_trim(cache);
  for (int i = 0; i < 40; i++) CHECK(has(cache, i, 100000));
  CHECK(!has(cache, 41, 100000) && !has(cache, 3, 99999));
  for (int i = 0; i < 40; i++)
    if (i != 7) p2p_part_free(parts[i]);
  CHECK(has(cache, 20, 100000)); /* used last */
  p2p_part_cache_trim(cache);
  CHECK(has(cache, 7, 100000) && has(cache, 20, 100000) && has(cache, 39, 100000));
  CHECK(!has(cache, 38, 100000) && !has(cache, 0, 100000));
  p2p_part_cache_free(cache);
  CHECK(p2p_blob_size(p2p_part_bytes(parts[7])) == 100000);
  p2p_part_free(parts[7]);
}

static struct p2p_task *task_with(int n_parts) {
  struct p2p_task *task = p2p_task_new(blob_of(10, 'x'), "sum");
  for (int i = 0; i < n_parts; i++)
    p2p_part_list_add(p2p_task_parts(task), part_of(i + 1, P2P_PART_MIN_BYTES + (size_t)i));
  return task;
}

/* What is sent, as the number of bytes of each frame and what they are. */
static void check_sent(struct p2p_upload *upload, struct p2p_task *task, const char *expected) {
  char text[256] = "";
  const uint8_t *bytes;
  for (size_t n; (n = p2p_upload_take(upload, task, &bytes)) > 0;)
    snprintf(text + strlen(text), sizeof text - strlen(text), "%zu of %u;", n, (unsigned)bytes[0]);
  CHECK_STR(text, expected);
}

TEST(a_task_without_parts_is_sent_at_once) {
  uint8_t header[P2P_UPLOAD_HEADER_MAX], need[P2P_NEED_LEN] = {0};
  struct p2p_task *task = task_with(0);
  struct p2p_upload upload;
  CHECK(p2p_upload_begin(&upload, task, header) == 11);
  CHECK(p2p_upload_is_left(&upload, task));
  CHECK(p2p_upload_need(&upload, task, need, sizeof need) == P2P_ERR_PROTOCOL);
  check_sent(&upload, task, "10 of 120;");
  CHECK(!p2p_upload_is_left(&upload, task));
  p2p_task_free(task);
}

TEST(a_task_with_parts_waits_for_what_the_worker_needs) {
  uint8_t header[P2P_UPLOAD_HEADER_MAX], need[P2P_NEED_LEN];
  struct p2p_task_header read;
  struct p2p_task *task = task_with(3);
  struct p2p_upload upload;
  size_t length = p2p_upload_begin(&upload, task, header);
  CHECK(p2p_task_header_read(header, length, &read) == P2P_OK && read.size == 10);
  CHECK(read.parts.n == 3 && read.parts.list[2].size == P2P_PART_MIN_BYTES + 2);
  CHECK(memcmp(read.parts.list[1].id, id_of(2), P2P_PART_ID_LEN) == 0);
  check_sent(&upload, task, "");
  CHECK(p2p_upload_is_left(&upload, task));
  p2p_need_write(8, need); /* there is no fourth one */
  CHECK(p2p_upload_need(&upload, task, need, sizeof need) == P2P_ERR_PROTOCOL);
  p2p_need_write(6, need);
  CHECK(p2p_upload_need(&upload, task, need, sizeof need) == P2P_OK);
  CHECK(p2p_upload_need(&upload, task, need, sizeof need) == P2P_ERR_PROTOCOL);
  check_sent(&upload, task, "65536 of 2;1 of 2;65536 of 3;2 of 3;10 of 120;");
  CHECK(!p2p_upload_is_left(&upload, task));
  p2p_upload_begin(&upload, task, header); /* on another link */
  p2p_need_write(0, need);
  CHECK(p2p_upload_need(&upload, task, need, sizeof need) == P2P_OK);
  check_sent(&upload, task, "10 of 120;");
  p2p_task_free(task);
}

UNIT_MAIN("part", UNIT(the_cache_keeps_what_is_used_and_some_of_the_rest),
          UNIT(a_task_without_parts_is_sent_at_once),
          UNIT(a_task_with_parts_waits_for_what_the_worker_needs))
