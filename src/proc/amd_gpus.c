/* ROCm counts the nodes of the driver's topology that have SIMD units. Each says which render node
 * is its own; the folder of this has what else is known. */
#include "proc/amd_gpus.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NODES_MAX 256
#define INDEX_MAX 999
#define FILE_MAX 8192
#define PATH_MAX_LEN 512
#define VENDOR 0x1002

/* The start of a file, with a NUL. False: it cannot be read. */
static bool read_file(const char *path, char *out, size_t size) {
  FILE *stream = fopen(path, "re");
  if (stream == NULL) return false;
  size_t length = fread(out, 1, size - 1, stream);
  fclose(stream);
  out[length] = '\0';
  return length > 0;
}

/* The number in the line "NAME NUMBER"; 0 without such a line. */
static uint64_t get(const char *properties, const char *name) {
  size_t length = strlen(name);
  for (const char *at = properties; at != NULL && *at != '\0'; at = strchr(at, '\n')) {
    if (*at == '\n') at++;
    if (strncmp(at, name, length) == 0 && at[length] == ' ') return strtoull(at + length, NULL, 10);
  }
  return 0;
}

/* A file of the folder of a render node. */
static bool read_render(const char *root, int minor, const char *file, char out[FILE_MAX]) {
  char path[PATH_MAX_LEN];
  snprintf(path, sizeof path, "%s/sys/class/drm/renderD%d/device/%s", root, minor, file);
  return read_file(path, out, FILE_MAX);
}

static bool may_use(const char *root, const char *device) {
  char path[PATH_MAX_LEN];
  snprintf(path, sizeof path, "%s/dev/%s", root, device);
  return access(path, R_OK | W_OK) == 0;
}

static void name(const char *root, struct p2p_gpu *gpu) {
  char text[FILE_MAX], model[FILE_MAX];
  if (read_render(root, gpu->minor, "product_name", text)) {
    p2p_gpu_model_set(gpu, text, strcspn(text, "\n"));
    return;
  }
  if (!read_render(root, gpu->minor, "device", text)) text[0] = '\0';
  snprintf(model, sizeof model, "AMD GPU %.8s", text);
  p2p_gpu_model_set(gpu, model, strcspn(model, "\n"));
}

/* `index`: how ROCm counts it. */
static void add(const char *root, const char *properties, unsigned index, struct p2p_gpus *out) {
  struct p2p_gpu gpu = {.is_amd = true};
  uint64_t minor = get(properties, "drm_render_minor"), id = get(properties, "unique_id");
  char text[FILE_MAX], render[32];
  if (get(properties, "vendor_id") != VENDOR || minor == 0 || minor > P2P_GPU_MINOR_MAX) return;
  gpu.minor = (int32_t)minor;
  snprintf(render, sizeof render, "dri/renderD%d", (int)minor);
  if (!may_use(root, render) || !read_render(root, gpu.minor, "vendor", text) ||
      strtoul(text, NULL, 16) != VENDOR)
    return;
  if (read_render(root, gpu.minor, "mem_info_vram_total", text)) {
    uint64_t mib = strtoull(text, NULL, 10) >> 20;
    if (mib <= P2P_GPU_MEMORY_MAX) gpu.memory_mib = (uint32_t)mib;
  }
  if (id != 0)
    snprintf(gpu.id, sizeof gpu.id, "GPU-%016" PRIx64, id);
  else
    snprintf(gpu.id, sizeof gpu.id, "%u", index);
  name(root, &gpu);
  (void)p2p_gpus_add(out, &gpu);
}

void p2p_amd_gpus_find(const char *root, struct p2p_gpus *out) {
  char path[PATH_MAX_LEN], properties[FILE_MAX];
  unsigned index = 0;
  if (!may_use(root, "kfd")) return;
  for (int node = 0; node < NODES_MAX && index <= INDEX_MAX; node++) {
    snprintf(path, sizeof path, "%s/sys/class/kfd/kfd/topology/nodes/%d/properties", root, node);
    if (!read_file(path, properties, sizeof properties)) continue;
    if (get(properties, "simd_count") > 0) add(root, properties, index++, out);
  }
}
