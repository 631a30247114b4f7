/* A library that stands for NVML: the part of it that future.p2p uses. Environment variables say
 * what it answers:
 *
 *   FAKE_NVML_GPUS   how many GPUs there are; 2 if it is not set
 *   FAKE_NVML_FAIL   "NAME CODE": the function of this name fails with this number
 *   FAKE_NVML_HANG   the function of this name never returns; with FAKE_NVML_CRASH, it crashes
 *   FAKE_NVML_NAME   the name of each GPU; "long": one without an end
 *   FAKE_NVML_UUID   the UUID of each GPU; "long": one without an end */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define GPUS 1000

static int handles[GPUS];

static const char *get(const char *name) {
  const char *value = getenv(name);
  return value != NULL ? value : "";
}

/* The number with which the function fails; 0: it does not. */
static int enter(const char *function) {
  const char *fails = get("FAKE_NVML_FAIL");
  size_t length = strlen(function);
  if (strcmp(get("FAKE_NVML_CRASH"), function) == 0) abort();
  while (strcmp(get("FAKE_NVML_HANG"), function) == 0) pause();
  return strncmp(fails, function, length) == 0 && fails[length] == ' ' ? atoi(fails + length) : 0;
}

static void put(const char *text, char *out, unsigned size) {
  if (strcmp(text, "long") == 0)
    memset(out, 'x', size);
  else
    snprintf(out, size, "%s", text);
}

int nvmlInit_v2(void) { return enter("nvmlInit_v2"); }

int nvmlShutdown(void) { return enter("nvmlShutdown"); }

const char *nvmlErrorString(int code) { return code == 18 ? "Version\033mismatch" : "Unknown"; }

int nvmlDeviceGetCount_v2(unsigned *out) {
  *out = get("FAKE_NVML_GPUS")[0] != '\0' ? (unsigned)atoi(get("FAKE_NVML_GPUS")) : 2;
  return enter("nvmlDeviceGetCount_v2");
}

int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **out) {
  if (index >= GPUS) return 2;
  *out = &handles[index];
  return enter("nvmlDeviceGetHandleByIndex_v2");
}

static unsigned index_of(void *device) { return (unsigned)((int *)device - handles); }

int nvmlDeviceGetName(void *device, char *out, unsigned size) {
  const char *name = get("FAKE_NVML_NAME");
  (void)device;
  put(name[0] != '\0' ? name : "Fake A100, 80GB", out, size);
  return enter("nvmlDeviceGetName");
}

int nvmlDeviceGetUUID(void *device, char *out, unsigned size) {
  const char *uuid = get("FAKE_NVML_UUID");
  put(uuid, out, size);
  if (uuid[0] == '\0')
    snprintf(out, size, "GPU-%08X-d72c-4106-c12f-20bd9faed9f6", index_of(device) + 0xA0);
  return enter("nvmlDeviceGetUUID");
}

int nvmlDeviceGetMemoryInfo(void *device, unsigned long long out[3]) {
  (void)device;
  out[0] = 80ULL << 30;
  out[1] = out[2] = 40ULL << 30;
  return enter("nvmlDeviceGetMemoryInfo");
}

int nvmlDeviceGetMinorNumber(void *device, unsigned *out) {
  *out = index_of(device);
  return enter("nvmlDeviceGetMinorNumber");
}
