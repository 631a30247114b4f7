/* The few functions of NVML that are needed, as its reference documents them. */
#include "proc/nvml.h"

#include <dlfcn.h>
#include <string.h>

#include "base/sanitize.h"

#define SUCCESS 0
#define DRIVER_NOT_LOADED 9
#define TEXT_SIZE 96 /* enough for names and UUIDs, says NVML */
#define ERROR_MAX 128

typedef void *device;
struct memory {
  unsigned long long total, free, used; /* bytes */
};

struct nvml {
  int (*init)(void);
  int (*shutdown)(void);
  const char *(*error_string)(int);
  int (*count)(unsigned *);
  int (*handle)(unsigned, device *);
  int (*name)(device, char *, unsigned);
  int (*uuid)(device, char *, unsigned);
  int (*memory)(device, struct memory *);
  int (*minor)(device, unsigned *);
};

static bool find_functions(void *library, struct nvml *out) {
  const struct {
    const char *name;
    void *function; /* a pointer to one */
  } functions[] = {{"nvmlInit_v2", &out->init},
                   {"nvmlShutdown", &out->shutdown},
                   {"nvmlErrorString", &out->error_string},
                   {"nvmlDeviceGetCount_v2", &out->count},
                   {"nvmlDeviceGetHandleByIndex_v2", &out->handle},
                   {"nvmlDeviceGetName", &out->name},
                   {"nvmlDeviceGetUUID", &out->uuid},
                   {"nvmlDeviceGetMemoryInfo", &out->memory},
                   {"nvmlDeviceGetMinorNumber", &out->minor}};
  for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
    void *symbol = dlsym(library, functions[i].name);
    if (symbol == NULL) return false;
    memcpy(functions[i].function, &symbol, sizeof symbol);
  }
  return true;
}

/* Whether it is a text that ends. UUIDs are compared in lower case. */
static bool get_id(const struct nvml *nvml, device device, char out[P2P_GPU_ID_MAX]) {
  char text[TEXT_SIZE] = "";
  if (nvml->uuid(device, text, sizeof text) != SUCCESS) return false;
  size_t length = strnlen(text, sizeof text);
  if (length >= P2P_GPU_ID_MAX) return false;
  memcpy(out, text, length + 1);
  for (size_t i = 4; i < length; i++)
    if (out[i] >= 'A' && out[i] <= 'F') out[i] = (char)(out[i] - 'A' + 'a');
  return true;
}

/* A GPU that does not answer, as one that has fallen off its bus, is passed over. */
static void add(const struct nvml *nvml, unsigned index, struct p2p_gpus *out) {
  struct p2p_gpu gpu = {.minor = -1};
  struct memory memory = {0};
  char name[TEXT_SIZE] = "";
  unsigned minor;
  device device = NULL;
  if (nvml->handle(index, &device) != SUCCESS || !get_id(nvml, device, gpu.id)) return;
  if (nvml->name(device, name, sizeof name) != SUCCESS) name[0] = '\0';
  p2p_gpu_model_set(&gpu, name, sizeof name);
  if (nvml->memory(device, &memory) == SUCCESS && memory.total >> 20 <= P2P_GPU_MEMORY_MAX)
    gpu.memory_mib = (uint32_t)(memory.total >> 20);
  if (nvml->minor(device, &minor) == SUCCESS && minor <= P2P_GPU_MINOR_MAX)
    gpu.minor = (int32_t)minor;
  (void)p2p_gpus_add(out, &gpu);
}

static int fail(const struct nvml *nvml, int code, struct p2p_err *err) {
  const char *text = nvml->error_string(code);
  char safe[ERROR_MAX] = "?";
  if (text != NULL) p2p_sanitize(text, strnlen(text, sizeof safe), safe, sizeof safe);
  return p2p_err_set(err, P2P_ERR_SYSTEM, "the driver of NVIDIA says '%s' (%d)", safe, code);
}

static int list(const struct nvml *nvml, struct p2p_gpus *out, struct p2p_err *err) {
  unsigned n = 0;
  int code = nvml->init();
  if (code == DRIVER_NOT_LOADED) return P2P_OK;
  if (code != SUCCESS) return fail(nvml, code, err);
  code = nvml->count(&n);
  for (unsigned i = 0; code == SUCCESS && i < n && i < P2P_GPUS_MAX; i++) add(nvml, i, out);
  nvml->shutdown();
  return code == SUCCESS ? P2P_OK : fail(nvml, code, err);
}

int p2p_nvml_find(const char *library, struct p2p_gpus *out, struct p2p_err *err) {
  struct nvml nvml;
  void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
  if (handle == NULL) return P2P_OK;
  if (!find_functions(handle, &nvml))
    return p2p_err_set(err, P2P_ERR_SYSTEM, "'%s' is not the library NVML, or a very old one",
                       library);
  return list(&nvml, out, err); /* stays open: drivers may have started threads */
}
