/* Parts: who keeps them, and what is sent of a task that has some. */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "base/endian.h"
#include "client/settle.h"
#include "client/upload.h"

#define MIN ((size_t)P2P_PART_MIN_BYTES)

static struct p2p_blob *blob_of(size_t size, int byte) {
  struct p2p_blob *blob = p2p_blob_new(size);
  char *bytes = malloc(size);
  memset(bytes, byte, size);
  CHECK(p2p_blob_append(blob, bytes, size) == P2P_OK);
  free(bytes);
  return blob;
}

/* In pieces: "head", all of `borrowed` in two, "tail". */
static struct p2p_part *part_of(const uint8_t *borrowed, size_t length) {
  struct p2p_part *part = p2p_part_new();
  CHECK(p2p_part_append(part, "he", 2) == P2P_OK && p2p_part_append(part, "ad", 2) == P2P_OK);
  CHECK(p2p_part_borrow(part, borrowed, length / 3) == P2P_OK);
  CHECK(p2p_part_borrow(part, borrowed + length / 3, length - length / 3) == P2P_OK);
  CHECK(p2p_part_append(part, "tail", 4) == P2P_OK && p2p_part_append(part, "", 0) == P2P_OK);
  CHECK(p2p_part_end(part) == P2P_OK);
  CHECK(p2p_part_size(part) == length + 8);
  return part;
}

static uint8_t *bytes_of(size_t length, int byte) {
  uint8_t *bytes = malloc(length);
  memset(bytes, byte, length);
  return bytes;
}

/* All bytes, in steps of at most `step`. The caller frees them. */
static uint8_t *read_all(const struct p2p_part *part, size_t step) {
  uint8_t *out = malloc((size_t)p2p_part_size(part));
  const uint8_t *bytes;
  size_t done = 0;
  for (size_t n; (n = p2p_part_span(part, done, &bytes)) > 0; done += n) {
    if (n > step) n = step;
    memcpy(out + done, bytes, n);
  }
  CHECK(done == p2p_part_size(part));
  return out;
}

TEST(a_part_reads_as_it_was_put_together) {
  uint8_t *borrowed = bytes_of(1000, 'x');
  struct p2p_part *part = part_of(borrowed, 1000);
  const uint8_t *bytes;
  for (size_t step = 1; step < 1100; step += 97) {
    uint8_t *all = read_all(part, step);
    CHECK(memcmp(all, "head", 4) == 0 && memcmp(all + 1004, "tail", 4) == 0);
    CHECK(memcmp(all + 4, borrowed, 1000) == 0);
    free(all);
  }
  CHECK(p2p_part_span(part, 4, &bytes) == 1000 && bytes == borrowed);
  CHECK(p2p_part_span(part, 1008, &bytes) == 0);
  p2p_part_free(part);
  free(borrowed);
}

TEST(equal_bytes_have_equal_ids_however_they_are_put_together) {
  uint8_t *borrowed = bytes_of(200000, 'x'), id[P2P_PART_ID_LEN];
  struct p2p_part *parts[3] = {part_of(borrowed, 200000), p2p_part_new()};
  uint8_t *all = read_all(parts[0], 70000);
  CHECK(p2p_part_append(parts[1], all, 200008) == P2P_OK && p2p_part_end(parts[1]) == P2P_OK);
  borrowed[100] = 'y';
  parts[2] = part_of(borrowed, 200000);
  struct p2p_part_list list = {.n = 3, .parts = {parts[0], parts[1], parts[2]}};
  struct p2p_task_parts described;
  p2p_part_list_describe(&list, &described);
  memcpy(id, described.list[0].id, sizeof id);
  CHECK(described.n == 3 && described.list[0].size == 200008);
  CHECK(p2p_part_has_id(parts[0], id) && p2p_part_has_id(parts[1], id));
  CHECK(!p2p_part_has_id(parts[2], id));
  p2p_part_list_clear(&list);
  CHECK(list.n == 0);
  free(all);
  free(borrowed);
}

TEST(an_owned_part_no_longer_needs_what_it_had_borrowed) {
  uint8_t *borrowed = bytes_of(200000, 'x');
  struct p2p_part *part = part_of(borrowed, 200000);
  uint8_t *before = read_all(part, SIZE_MAX);
  bool is_loose;
  CHECK(p2p_part_own(part) == P2P_OK && p2p_part_own(part) == P2P_OK);
  memset(borrowed, 'y', 200000);
  free(borrowed);
  uint8_t *after = read_all(part, SIZE_MAX);
  CHECK(memcmp(before, after, 200008) == 0);
  p2p_part_set_loose(part);
  p2p_part_abandon(part);
  CHECK(p2p_part_hold(part, &is_loose) && !is_loose);
  p2p_part_release(part);
  p2p_part_free(part);
  free(before);
  free(after);
}

/* Parts of MIN, MIN + 1, ... bytes, which hold 1, 2, ... and are borrowed from `memory`. */
static uint8_t *memory[3];

static struct p2p_task *task_with(int n_parts) {
  struct p2p_task *task = p2p_task_new(blob_of(10, 'x'), "sum");
  for (int i = 0; i < n_parts; i++) {
    size_t length = MIN + (size_t)i;
    struct p2p_part *part = p2p_part_new();
    memory[i] = bytes_of(length, i + 1);
    CHECK(p2p_part_borrow(part, memory[i], length) == P2P_OK && p2p_part_end(part) == P2P_OK);
    p2p_part_list_add(p2p_task_parts(task), part);
  }
  return task;
}

static void free_task(struct p2p_task *task, int n_parts) {
  p2p_task_free(task);
  for (int i = 0; i < n_parts; i++) free(memory[i]);
}

/* What is sent, as the number of bytes of each frame and what they are, and how it ends. */
static void check_sent(struct p2p_upload *upload, struct p2p_task *task, const char *expected) {
  char text[256] = "";
  const uint8_t *bytes;
  long n;
  while ((n = p2p_upload_take(upload, task, &bytes)) > 0) {
    snprintf(text + strlen(text), sizeof text - strlen(text), "%ld of %u;", n, (unsigned)bytes[0]);
    p2p_upload_done(upload);
  }
  if (n < 0) snprintf(text + strlen(text), sizeof text - strlen(text), "%s", p2p_err_name((int)n));
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
  free_task(task, 0);
}

TEST(a_task_with_parts_waits_for_what_the_worker_needs) {
  uint8_t header[P2P_UPLOAD_HEADER_MAX], need[P2P_NEED_LEN];
  struct p2p_task_header read;
  struct p2p_task *task = task_with(3);
  struct p2p_upload upload;
  size_t length = p2p_upload_begin(&upload, task, header);
  CHECK(p2p_task_header_read(header, length, &read) == P2P_OK && read.size == 10);
  CHECK(read.parts.n == 3 && read.parts.list[2].size == P2P_PART_MIN_BYTES + 2);
  CHECK(p2p_part_has_id(p2p_task_parts(task)->parts[1], read.parts.list[1].id));
  check_sent(&upload, task, "");
  CHECK(p2p_upload_is_left(&upload, task));
  p2p_need_write(8, need); /* there is no fourth one */
  CHECK(p2p_upload_need(&upload, task, need, sizeof need) == P2P_ERR_PROTOCOL);
  p2p_need_write(6, need);
  CHECK(p2p_upload_need(&upload, task, need, sizeof need) == P2P_OK);
  CHECK(p2p_upload_need(&upload, task, need, sizeof need) == P2P_ERR_PROTOCOL);
  check_sent(&upload, task, "65536 of 2;1 of 2;65536 of 3;2 of 3;10 of 120;");
  CHECK(!p2p_upload_is_left(&upload, task));
  CHECK(upload.total == upload.wanted && upload.wanted == 2 * P2P_PART_MIN_BYTES + 3 + 10);
  p2p_upload_begin(&upload, task, header); /* on another link */
  CHECK(upload.total == 0 && upload.wanted == 0);
  p2p_need_write(0, need);
  CHECK(p2p_upload_need(&upload, task, need, sizeof need) == P2P_OK);
  check_sent(&upload, task, "10 of 120;");
  free_task(task, 3);
}

static void begin(struct p2p_upload *upload, struct p2p_task *task, uint32_t needed) {
  uint8_t header[P2P_UPLOAD_HEADER_MAX], need[P2P_NEED_LEN];
  p2p_upload_begin(upload, task, header);
  p2p_need_write(needed, need);
  CHECK(p2p_upload_need(upload, task, need, sizeof need) == P2P_OK);
}

TEST(what_was_settled_after_it_was_sent_is_checked_when_it_is_sent_again) {
  struct p2p_task *task = task_with(2);
  struct p2p_upload upload;
  CHECK(p2p_task_submit(task, 1) && p2p_task_start(task, "bob@desk:1"));
  CHECK(p2p_task_is_sending(task));
  begin(&upload, task, 3);
  check_sent(&upload, task, "65536 of 1;65536 of 2;1 of 2;10 of 120;");
  p2p_upload_clear(&upload);
  p2p_task_note_sent(task, 1, 1);
  CHECK(!p2p_task_is_sending(task));
  p2p_settle(task);
  begin(&upload, task, 3);
  check_sent(&upload, task, "65536 of 1;65536 of 2;1 of 2;10 of 120;");
  p2p_upload_clear(&upload);
  memory[1][MIN - 1] = 9;
  begin(&upload, task, 3);
  check_sent(&upload, task, "65536 of 1;65536 of 2;lost");
  p2p_upload_clear(&upload);
  begin(&upload, task, 1); /* it is not needed */
  check_sent(&upload, task, "65536 of 1;10 of 120;");
  p2p_upload_clear(&upload);
  free_task(task, 2);
}

TEST(what_is_settled_before_it_was_sent_is_copied) {
  struct p2p_task *task = task_with(2);
  struct p2p_upload upload;
  const uint8_t *bytes;
  CHECK(p2p_task_submit(task, 1) && p2p_task_start(task, "bob@desk:1"));
  begin(&upload, task, 3);
  CHECK(p2p_upload_take(&upload, task, &bytes) == 65536);
  p2p_upload_done(&upload);
  p2p_settle(task);
  memset(memory[0], 7, MIN);
  memset(memory[1], 7, MIN + 1);
  check_sent(&upload, task, "65536 of 2;1 of 2;10 of 120;");
  p2p_upload_clear(&upload);
  p2p_abandon(task);
  begin(&upload, task, 1);
  check_sent(&upload, task, "65536 of 1;10 of 120;");
  p2p_upload_clear(&upload);
  free_task(task, 2);
}

TEST(what_was_abandoned_is_not_sent) {
  struct p2p_task *task = task_with(2);
  struct p2p_upload upload;
  CHECK(p2p_task_submit(task, 1) && p2p_task_start(task, "bob@desk:1"));
  p2p_abandon(task);
  begin(&upload, task, 2);
  check_sent(&upload, task, "lost");
  p2p_upload_clear(&upload);
  begin(&upload, task, 0);
  check_sent(&upload, task, "10 of 120;");
  p2p_upload_clear(&upload);
  free_task(task, 2);
}

UNIT_MAIN("part", UNIT(a_part_reads_as_it_was_put_together),
          UNIT(equal_bytes_have_equal_ids_however_they_are_put_together),
          UNIT(an_owned_part_no_longer_needs_what_it_had_borrowed),
          UNIT(a_task_without_parts_is_sent_at_once),
          UNIT(a_task_with_parts_waits_for_what_the_worker_needs),
          UNIT(what_was_settled_after_it_was_sent_is_checked_when_it_is_sent_again),
          UNIT(what_is_settled_before_it_was_sent_is_copied), UNIT(what_was_abandoned_is_not_sent))
