/* Parts in TASK, and NEED. */
#include "unit.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "protocol/task_header.h"

static struct p2p_task_parts some(uint32_t n) {
  struct p2p_task_parts parts = {.n = n};
  for (uint32_t i = 0; i < n; i++) {
    memset(parts.list[i].id, (int)i + 1, P2P_PART_ID_LEN);
    parts.list[i].size = P2P_PART_MIN_BYTES + i;
  }
  return parts;
}

/* The payload of a TASK in memory of its own, so that ASan sees what is read beyond it. */
static int read_task(const uint8_t *payload, size_t length, struct p2p_task_header *out) {
  uint8_t *copy = malloc(length);
  memcpy(copy, payload, length);
  int code = p2p_task_header_read(copy, length, out);
  free(copy);
  return code;
}

static size_t write_task(const struct p2p_task_parts *parts, uint8_t *out) {
  size_t length = p2p_task_header_write(5, "sum", out);
  return length + p2p_task_parts_write(parts, out + length);
}

TEST(parts_follow_the_label_of_a_task) {
  uint8_t payload[P2P_TASK_HEADER_MAX + P2P_TASK_PARTS_LEN_MAX];
  for (uint32_t n = 0; n <= P2P_TASK_PARTS_MAX; n++) {
    struct p2p_task_parts parts = some(n);
    struct p2p_task_header header;
    size_t length = write_task(&parts, payload);
    CHECK(length == 11 + (n > 0 ? 1 + n * P2P_PART_LEN : 0));
    CHECK(read_task(payload, length, &header) == P2P_OK && header.size == 5);
    CHECK_STR(header.label, "sum");
    CHECK(header.parts.n == n && memcmp(&header.parts, &parts, sizeof parts) == 0);
  }
}

TEST(parts_are_whole_or_refused) {
  uint8_t payload[P2P_TASK_HEADER_MAX + P2P_TASK_PARTS_LEN_MAX + P2P_PART_LEN] = "";
  struct p2p_task_parts parts = some(P2P_TASK_PARTS_MAX);
  struct p2p_task_header header = {.size = 77};
  size_t length = write_task(&parts, payload);
  for (size_t cut = 12; cut < length; cut++) {
    bool is_whole = (cut - 12) % P2P_PART_LEN == 0 && cut > 12;
    struct p2p_task_header read = header;
    CHECK((read_task(payload, cut, &read) == P2P_OK) == is_whole);
    CHECK(is_whole ? read.parts.n == (cut - 12) / P2P_PART_LEN : read.size == 77);
  }
  CHECK(read_task(payload, length + P2P_PART_LEN, &header) == P2P_ERR_PROTOCOL); /* one too many */
  parts = some(2);
  parts.list[1].size = P2P_PART_MIN_BYTES - 1;
  CHECK(read_task(payload, write_task(&parts, payload), &header) == P2P_ERR_PROTOCOL);
  parts.list[1].size = (uint64_t)INT64_MAX - parts.list[0].size;
  CHECK(read_task(payload, write_task(&parts, payload), &header) == P2P_OK);
  parts.list[1].size++;
  header.size = 77;
  CHECK(read_task(payload, write_task(&parts, payload), &header) == P2P_ERR_PROTOCOL);
  CHECK(header.size == 77);
}

TEST(need_names_parts_that_exist) {
  uint8_t payload[P2P_NEED_LEN + 1] = "";
  uint32_t mask = 7;
  p2p_need_write(5, payload);
  CHECK(memcmp(payload, "\0\0\0\5", 4) == 0);
  CHECK(p2p_need_read(payload, 3, 3, &mask) == P2P_ERR_PROTOCOL);
  CHECK(p2p_need_read(payload, 5, 3, &mask) == P2P_ERR_PROTOCOL);
  CHECK(p2p_need_read(payload, 4, 2, &mask) == P2P_ERR_PROTOCOL && mask == 7);
  CHECK(p2p_need_read(payload, 4, 3, &mask) == P2P_OK && mask == 5);
  p2p_need_write(UINT32_MAX, payload);
  CHECK(p2p_need_read(payload, 4, P2P_TASK_PARTS_MAX - 1, &mask) == P2P_ERR_PROTOCOL);
  CHECK(p2p_need_read(payload, 4, P2P_TASK_PARTS_MAX, &mask) == P2P_OK && mask == UINT32_MAX);
  p2p_need_write(0, payload);
  CHECK(p2p_need_read(payload, 4, 0, &mask) == P2P_OK && mask == 0);
}

TEST(the_bytes_of_parts_are_counted) {
  struct p2p_task_parts parts = some(3);
  CHECK(p2p_task_parts_bytes(&parts, 0) == 0);
  CHECK(p2p_task_parts_bytes(&parts, 5) == 2 * P2P_PART_MIN_BYTES + 2);
  CHECK(p2p_task_parts_bytes(&parts, UINT32_MAX) == 3 * P2P_PART_MIN_BYTES + 3);
}

TEST(the_first_part_of_a_mask_is_found) {
  CHECK(p2p_part_first(0) == -1 && p2p_part_first(1) == 0 && p2p_part_first(6) == 1);
  CHECK(p2p_part_first(UINT32_C(1) << 31) == 31 && p2p_part_first(UINT32_MAX) == 0);
}

UNIT_MAIN("task_parts", UNIT(parts_follow_the_label_of_a_task), UNIT(parts_are_whole_or_refused),
          UNIT(need_names_parts_that_exist), UNIT(the_bytes_of_parts_are_counted),
          UNIT(the_first_part_of_a_mask_is_found))
