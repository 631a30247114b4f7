/* Lists of GPUs as text: whole, truncated, oversized and malformed. */
#include "base/gpus.h"

#include <stdlib.h>

#include "unit.h"

#define A "GPU-8932f937-d72c-4106-c12f-20bd9faed9f6"
#define B "GPU-001342e2e8d44d4e"
#define TEXT "nvidia " A " 0 81559 NVIDIA H100 80GB HBM3\namd " B " 128 - Radeon\namd 12 - 7 x\n"

/* Reads a copy of exactly `length` bytes, so that a read beyond the end is detected. */
static int read_bytes(const char *bytes, size_t length, struct p2p_gpus *out) {
  char *copy = malloc(length > 0 ? length : 1);
  memcpy(copy, bytes, length);
  int code = p2p_gpus_read(copy, length, out);
  free(copy);
  return code;
}

static struct p2p_gpus got;

TEST(a_list_is_read_and_written) {
  char text[P2P_GPUS_TEXT_MAX];
  CHECK(read_bytes(TEXT, strlen(TEXT), &got) == P2P_OK && got.n == 3);
  CHECK_STR(got.list[0].model, "NVIDIA H100 80GB HBM3");
  CHECK(!got.list[0].is_amd && got.list[0].minor == 0 && got.list[0].memory_mib == 81559);
  CHECK(got.list[1].is_amd && got.list[1].minor == 128 && got.list[1].memory_mib == 0);
  CHECK(got.list[2].minor == -1 && got.list[2].memory_mib == 7);
  CHECK(p2p_gpus_write(&got, text) == strlen(TEXT));
  CHECK_STR(text, TEXT);
  CHECK(read_bytes("", 0, &got) == P2P_OK && got.n == 0);
}

TEST(a_truncated_list_is_shorter_or_refused) {
  for (size_t length = 0; length < strlen(TEXT); length++) {
    bool is_whole = length == 0 || TEXT[length - 1] == '\n';
    CHECK((read_bytes(TEXT, length, &got) == P2P_OK) == is_whole);
  }
}

TEST(malformed_lists_are_refused) {
  static const char *const bad[] = {"\n",
                                    "nvidia\n",
                                    "nvidia " A " 0 1\n",
                                    "nvidia " A " 0 1 \n",
                                    "nvidia " A " 0 1  x\n",
                                    "nvidia " A " 0 1 x \n",
                                    "nvidia " A " 0 1 x,y\n",
                                    "nvidia " A " 0 1 x\033[1m\n",
                                    "nvidia " A " 0 0 x\n",
                                    "nvidia " A " 00 1 x\n",
                                    "nvidia " A " 65536 1 x\n",
                                    "nvidia " A " 0 100000000 x\n",
                                    "nvidia " A " -1 1 x\n",
                                    "nvidia  0 1 x\n",
                                    "nvidia 0 0 1 x\n",
                                    "nvidia " A "0 0 1 x\n",
                                    "nvidia GPU-8932f937 0 1 x\n",
                                    "nvidia GPU-8932f937-d72c-4106-c12f-20bd9faed9fg 0 1 x\n",
                                    "nvidia GPU-8932F937-d72c-4106-c12f-20bd9faed9f6 0 1 x\n",
                                    "nvidia GPU-8932f937,d72c-4106-c12f-20bd9faed9f6 0 1 x\n",
                                    "nvidia MIG-8932f937-d72c-4106-c12f-20bd9faed9f6 0 1 x\n",
                                    "nvidia " A " 0 1 x\nnvidia " A " 1 1 x\n",
                                    "amd " A " 0 1 x\n",
                                    "amd 1000 0 1 x\n",
                                    "amd  0 1 x\n",
                                    "intel " B " 0 1 x\n"};
  got.n = 7;
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
    if (read_bytes(bad[i], strlen(bad[i]), &got) != P2P_ERR_PARSE) CHECK_STR("accepted", bad[i]);
  CHECK(read_bytes("nvidia " A " 0 1 x\0y\n", strlen("nvidia " A " 0 1 x") + 3, &got) != P2P_OK);
  CHECK(got.n == 7); /* unchanged */
}

TEST(lists_and_models_have_a_longest_form) {
  struct p2p_gpus most = {.n = 0};
  struct p2p_gpu gpu = {.minor = P2P_GPU_MINOR_MAX, .memory_mib = P2P_GPU_MEMORY_MAX};
  char text[P2P_GPUS_TEXT_MAX], model[100];
  memset(model, 'x', sizeof model);
  p2p_gpu_model_set(&gpu, model, sizeof model);
  for (int i = 0; i <= P2P_GPUS_MAX; i++) {
    snprintf(gpu.id, sizeof gpu.id, "GPU-%08x-d72c-4106-c12f-20bd9faed9f6", (unsigned)i);
    CHECK(p2p_gpus_add(&most, &gpu) == (i < P2P_GPUS_MAX));
  }
  size_t length = p2p_gpus_write(&most, text);
  CHECK(length == strlen(text) && read_bytes(text, length, &got) == P2P_OK && got.n == most.n);
  char *more = malloc(length + 64);
  int extra = snprintf(more, length + 64, "%samd 1 - - x\n", text);
  CHECK(read_bytes(more, (size_t)extra, &got) == P2P_ERR_PARSE);
  free(more);
}

TEST(a_model_is_never_empty) {
  struct p2p_gpu gpu;
  p2p_gpu_model_set(&gpu, "   ", 3);
  CHECK_STR(gpu.model, "GPU");
  p2p_gpu_model_set(&gpu, "\0x", 2);
  CHECK_STR(gpu.model, "GPU");
  p2p_gpu_model_set(&gpu, " A\"100; ", 8);
  CHECK_STR(gpu.model, "A_100_");
}

UNIT_MAIN("gpus", UNIT(a_list_is_read_and_written), UNIT(a_truncated_list_is_shorter_or_refused),
          UNIT(malformed_lists_are_refused), UNIT(lists_and_models_have_a_longest_form),
          UNIT(a_model_is_never_empty))
