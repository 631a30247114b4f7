/* The GPUs of NVIDIA, by a library that stands for NVML, which also gives hostile answers. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* readlink */
#endif
#include "proc/nvml.h"

#include <stdlib.h>
#include <unistd.h>

#include "unit.h"

#define ID0 "GPU-000000a0-d72c-4106-c12f-20bd9faed9f6"

static char library[1200];
static struct p2p_gpus gpus;
static struct p2p_err err;

/* Asks the library, with a variable set. */
static int find(const char *name, const char *value) {
  gpus.n = 0;
  err = (struct p2p_err){0};
  setenv(name, value, 1);
  int code = p2p_nvml_find(library, &gpus, &err);
  unsetenv(name);
  return code;
}

TEST(it_says_id_model_memory_and_device) {
  char program[1024] = "";
  CHECK(readlink("/proc/self/exe", program, sizeof program - 1) > 0);
  *strrchr(program, '/') = '\0';
  snprintf(library, sizeof library, "%s/libnvidia-ml.so.1", program);
  CHECK(find("FAKE_NVML_GPUS", "3") == P2P_OK && gpus.n == 3);
  CHECK_STR(gpus.list[0].id, ID0);
  CHECK_STR(gpus.list[0].model, "Fake A100_ 80GB");
  CHECK(gpus.list[0].memory_mib == 80 * 1024 && gpus.list[2].minor == 2 && !gpus.list[0].is_amd);
}

TEST(without_the_library_or_its_driver_there_are_none) {
  CHECK(p2p_nvml_find("libnvidia-ml-is-not-there.so.1", &gpus, &err) == P2P_OK);
  CHECK(find("FAKE_NVML_FAIL", "nvmlInit_v2 9") == P2P_OK && gpus.n == 0);
  CHECK(find("FAKE_NVML_GPUS", "0") == P2P_OK && gpus.n == 0);
}

TEST(another_library_is_an_error) {
  gpus.n = 0;
  CHECK(p2p_nvml_find("libm.so.6", &gpus, &err) == P2P_ERR_SYSTEM && gpus.n == 0);
  CHECK(strstr(err.message, "'libm.so.6' is not the library NVML") != NULL);
}

TEST(what_the_driver_says_is_safe_to_show) {
  CHECK(find("FAKE_NVML_FAIL", "nvmlInit_v2 18") == P2P_ERR_SYSTEM && gpus.n == 0);
  CHECK_STR(err.message, "the driver of NVIDIA says 'Version?mismatch' (18)");
  CHECK(find("FAKE_NVML_FAIL", "nvmlDeviceGetCount_v2 999") == P2P_ERR_SYSTEM && gpus.n == 0);
}

TEST(a_gpu_that_cannot_be_identified_is_passed_over) {
  CHECK(find("FAKE_NVML_FAIL", "nvmlDeviceGetHandleByIndex_v2 15") == P2P_OK && gpus.n == 0);
  CHECK(find("FAKE_NVML_FAIL", "nvmlDeviceGetUUID 15") == P2P_OK && gpus.n == 0);
  CHECK(find("FAKE_NVML_UUID", "long") == P2P_OK && gpus.n == 0);
  CHECK(find("FAKE_NVML_UUID", "GPU-000000a0-d72c-4106-c12f-20bd9faed9f6,0") == P2P_OK);
  CHECK(gpus.n == 0);
  CHECK(find("FAKE_NVML_UUID", "GPU-../../a0-d72c-4106-c12f-20bd9faed9f6") == P2P_OK);
  CHECK(gpus.n == 0);
  CHECK(find("FAKE_NVML_UUID", ID0) == P2P_OK && gpus.n == 1); /* the second one has the same */
}

TEST(the_rest_may_be_unknown) {
  CHECK(find("FAKE_NVML_FAIL", "nvmlDeviceGetName 3") == P2P_OK && gpus.n == 2);
  CHECK_STR(gpus.list[1].model, "GPU");
  CHECK(find("FAKE_NVML_FAIL", "nvmlDeviceGetMemoryInfo 3") == P2P_OK && gpus.n == 2);
  CHECK(gpus.list[1].memory_mib == 0);
  CHECK(find("FAKE_NVML_FAIL", "nvmlDeviceGetMinorNumber 3") == P2P_OK && gpus.n == 2);
  CHECK(gpus.list[1].minor == -1);
}

TEST(names_are_cleaned_and_cut_and_gpus_are_counted) {
  CHECK(find("FAKE_NVML_NAME", "long") == P2P_OK && gpus.n == 2);
  CHECK(strlen(gpus.list[0].model) == P2P_GPU_MODEL_MAX - 1);
  CHECK(find("FAKE_NVML_NAME", " a,b=c\033[1m\n\xff ") == P2P_OK && gpus.n == 2);
  CHECK_STR(gpus.list[0].model, "a_b_c__1m__");
  CHECK(find("FAKE_NVML_GPUS", "1000") == P2P_OK && gpus.n == P2P_GPUS_MAX);
}

UNIT_MAIN("nvml", UNIT(it_says_id_model_memory_and_device),
          UNIT(without_the_library_or_its_driver_there_are_none), UNIT(another_library_is_an_error),
          UNIT(what_the_driver_says_is_safe_to_show),
          UNIT(a_gpu_that_cannot_be_identified_is_passed_over), UNIT(the_rest_may_be_unknown),
          UNIT(names_are_cleaned_and_cut_and_gpus_are_counted))
