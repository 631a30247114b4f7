/* Resources: amounts, tags, and REQUEST, whole, truncated, oversized and malformed. */
#include "protocol/resources.h"

#include <stdlib.h>

#include "unit.h"

#define TEXT "cores=4\nmemory=6144\ngpu=2\ntags=bioc;x\n"

/* Reads a copy of exactly `length` bytes, so that a read beyond the end is detected. */
static int read_bytes(const char *bytes, size_t length, struct p2p_resources *out) {
  char *copy = malloc(length > 0 ? length : 1);
  memcpy(copy, bytes, length);
  int code = p2p_request_read(copy, length, out);
  free(copy);
  return code;
}

static int read_text(const char *text, struct p2p_resources *out) {
  return read_bytes(text, strlen(text), out);
}

static const struct p2p_resources all = {{4, 6144, 2}, "bioc;x"};

TEST(a_request_has_its_exact_text) {
  char text[P2P_REQUEST_MAX];
  struct p2p_resources again, none = {0};
  CHECK(p2p_request_write(&all, text) == strlen(TEXT));
  CHECK_STR(text, TEXT);
  CHECK(read_text(text, &again) == P2P_OK && p2p_resources_are_same(&all, &again));
  CHECK(p2p_request_write(&none, text) == 0 && read_text("", &again) == P2P_OK);
  CHECK(p2p_resources_are_none(&again));
}

TEST(the_longest_request_fits) {
  struct p2p_resources most = {.amounts = {P2P_CORES_MAX, P2P_MEMORY_MAX, P2P_GPUS_MAX}};
  char text[P2P_REQUEST_MAX];
  memset(most.tags, 'x', P2P_TAGS_LEN - 1);
  for (size_t i = 32; i < P2P_TAGS_LEN - 1; i += 33) most.tags[i] = ';';
  CHECK(p2p_tags_are_valid(most.tags));
  struct p2p_resources again;
  CHECK(read_bytes(text, p2p_request_write(&most, text), &again) == P2P_OK);
  CHECK(p2p_resources_are_same(&most, &again));
}

TEST(unknown_keys_and_repetitions_are_ignored) {
  struct p2p_resources got;
  CHECK(read_text("fpgas=2\ncores=1\ncores=9\n", &got) == P2P_OK && got.amounts.cores == 1);
}

TEST(each_truncation_is_read_or_refused) {
  struct p2p_resources got;
  for (size_t length = 0; length < strlen(TEXT); length++) (void)!read_bytes(TEXT, length, &got);
}

TEST(malformed_and_oversized_requests_are_refused) {
  static const char *const bad[] = {"cores=0\n",    "cores=65537\n", "cores=-1\n",
                                    "cores=x\n",    "cores=\n",      "memory=1000000000\n",
                                    "memory=1.5\n", "tags=\n",       "tags=a;\n",
                                    "tags=a b\n",   "tags=a,b\n",    "gpu=0\n",
                                    "gpu=65\n",     "gpu=0.5\n",     "cores=00000000000000001\n"};
  char big[P2P_REQUEST_MAX + 1];
  struct p2p_resources got = all;
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
    CHECK(read_text(bad[i], &got) == P2P_ERR_PROTOCOL);
  memset(big, 'x', sizeof big);
  CHECK(read_bytes(big, P2P_REQUEST_MAX, &got) == P2P_ERR_PROTOCOL);
  CHECK(p2p_resources_are_same(&got, &all)); /* unchanged */
}

TEST(tags_are_bounded) {
  char list[P2P_TAGS_LEN + 8];
  memset(list, 'x', P2P_TAG_MAX);
  list[P2P_TAG_MAX] = '\0';
  CHECK(!p2p_tags_are_valid(list));
  list[P2P_TAG_MAX - 1] = '\0';
  CHECK(p2p_tags_are_valid(list));
  snprintf(list, sizeof list, "a;a;a;a;a;a;a;a;a;a;a;a;a;a;a;a");
  CHECK(p2p_tags_are_valid(list));
  strcat(list, ";a");
  CHECK(!p2p_tags_are_valid(list) && !p2p_tags_are_valid("") && !p2p_tags_are_valid(";"));
}

TEST(amounts_add_up_and_never_wrap) {
  struct p2p_amounts sum = {1, UINT32_MAX - 1, 3}, two = {2, 2, 2};
  p2p_amounts_add(&sum, &two);
  CHECK(sum.cores == 3 && sum.memory_mib == UINT32_MAX && sum.gpus == 5);
  sum = (struct p2p_amounts){1, 5, 4};
  p2p_amounts_subtract(&sum, &two);
  CHECK(sum.cores == 0 && sum.memory_mib == 3 && sum.gpus == 2);
}

TEST(the_scarcest_amount_counts) {
  struct p2p_amounts have = {8, 8192, 2};
  CHECK(p2p_amounts_count(&have, &(struct p2p_amounts){1, 6144, 0}) == 1);
  CHECK(p2p_amounts_count(&have, &(struct p2p_amounts){2, 0, 0}) == 4);
  CHECK(p2p_amounts_count(&have, &(struct p2p_amounts){9, 1, 0}) == 0);
  CHECK(p2p_amounts_count(&have, &(struct p2p_amounts){.gpus = 1}) == 2);
  CHECK(p2p_amounts_count(&have, &(struct p2p_amounts){1, 1, 3}) == 0);
  CHECK(p2p_amounts_count(&have, &(struct p2p_amounts){0, 0, 0}) == UINT32_MAX);
}

TEST(a_worker_needs_all_tags) {
  CHECK(p2p_resources_contain(&all, &(struct p2p_resources){{4, 6144, 0}, "x"}));
  CHECK(p2p_resources_contain(&all, &(struct p2p_resources){{0, 0, 0}, "x;bioc"}));
  CHECK(!p2p_resources_contain(&all, &(struct p2p_resources){{0, 0, 0}, "bio"}));
  CHECK(!p2p_resources_contain(&all, &(struct p2p_resources){{0, 0, 0}, "x;y"}));
  CHECK(!p2p_resources_contain(&all, &(struct p2p_resources){{5, 0, 0}, ""}));
}

static void check_described(struct p2p_resources resources, const char *expected) {
  char text[128];
  p2p_resources_describe(&resources, text, sizeof text);
  CHECK_STR(text, expected);
}

TEST(resources_are_described_in_words) {
  check_described(all, "4 cores, 6 GiB of memory, 2 GPUs and the tags 'bioc;x'");
  check_described((struct p2p_resources){{1, 0, 0}, ""}, "1 core");
  check_described((struct p2p_resources){{0, 1000, 0}, "x"}, "1000 MiB of memory and the tag 'x'");
  check_described((struct p2p_resources){{0, 1536, 0}, ""}, "1.5 GiB of memory");
  check_described((struct p2p_resources){{1, 0, 1}, ""}, "1 core and 1 GPU");
  check_described((struct p2p_resources){{0, 0, 2}, "x"}, "2 GPUs and the tag 'x'");
  check_described((struct p2p_resources){{0, 0, 0}, ""}, "nothing");
  char little[8];
  p2p_resources_describe(&all, little, sizeof little);
  CHECK_STR(little, "4 cores");
}

UNIT_MAIN("resources", UNIT(a_request_has_its_exact_text), UNIT(the_longest_request_fits),
          UNIT(unknown_keys_and_repetitions_are_ignored), UNIT(each_truncation_is_read_or_refused),
          UNIT(malformed_and_oversized_requests_are_refused), UNIT(tags_are_bounded),
          UNIT(amounts_add_up_and_never_wrap), UNIT(the_scarcest_amount_counts),
          UNIT(a_worker_needs_all_tags), UNIT(resources_are_described_in_words))
