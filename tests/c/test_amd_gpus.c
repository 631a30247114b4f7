/* The GPUs of AMD, by files as Linux has them. */
#include "proc/amd_gpus.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "unit.h"
#include "worker/file_tree.h"

static char root[64];
static struct p2p_gpus gpus;

/* Writes ROOT/path, with the folders above it. */
static void put(const char *path, const char *text) {
  char full[512];
  snprintf(full, sizeof full, "%s/%s", root, path);
  for (char *slash = strchr(full + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
    *slash = '\0';
    (void)!mkdir(full, 0700);
    *slash = '/';
  }
  FILE *stream = fopen(full, "w");
  CHECK(stream != NULL);
  if (stream == NULL) return;
  fputs(text, stream);
  fclose(stream);
}

static void put_node(int node, const char *properties) {
  char path[128];
  snprintf(path, sizeof path, "sys/class/kfd/kfd/topology/nodes/%d/properties", node);
  put(path, properties);
}

static void put_render(int minor, const char *file, const char *text) {
  char path[128];
  snprintf(path, sizeof path, "sys/class/drm/renderD%d/device/%s", minor, file);
  put(path, text);
}

static void find(void) {
  gpus.n = 0;
  p2p_amd_gpus_find(root, &gpus);
}

#define GPU "simd_count 256\nvendor_id 4098\ndrm_render_minor "

TEST(a_machine_without_their_driver_has_none) {
  snprintf(root, sizeof root, "/tmp/p2p-gpus-XXXXXX");
  CHECK(mkdtemp(root) != NULL);
  find();
  CHECK(gpus.n == 0);
}

TEST(those_with_units_a_render_node_and_access_count) {
  put("dev/kfd", "");
  put("dev/dri/renderD128", "");
  put("dev/dri/renderD129", "");
  put_node(0, "cpu_cores_count 16\nsimd_count 0\nvendor_id 0\n");
  put_node(1, GPU "128\nunique_id 5421547812345678\n");
  put_node(2, GPU "130\nunique_id 7\n"); /* there is no /dev/dri/renderD130 */
  put_node(3, GPU "129\nunique_id 0\n");
  put_render(128, "vendor", "0x1002\n");
  put_render(128, "mem_info_vram_total", "206141652992\n");
  put_render(128, "product_name", "Instinct MI300X, OAM\n");
  put_render(129, "vendor", "0x1002\n");
  put_render(129, "device", "0x73bf\n");
  find();
  CHECK(gpus.n == 2 && gpus.list[0].is_amd && gpus.list[0].minor == 128);
  CHECK_STR(gpus.list[0].id, "GPU-001342de777cd74e");
  CHECK_STR(gpus.list[0].model, "Instinct MI300X_ OAM");
  CHECK(gpus.list[0].memory_mib == 196592);
  CHECK_STR(gpus.list[1].id, "2"); /* ROCm counts the one without access, too */
  CHECK_STR(gpus.list[1].model, "AMD GPU 0x73bf");
  CHECK(gpus.list[1].memory_mib == 0);
}

TEST(odd_files_are_no_gpus) {
  char big[16384];
  memset(big, 'x', sizeof big - 1);
  big[sizeof big - 1] = '\0';
  put_render(128, "vendor", "0x10de\n");
  put_render(129, "product_name", big);
  put_render(129, "mem_info_vram_total", "99999999999999999999999\n");
  find();
  CHECK(gpus.n == 1 && strlen(gpus.list[0].model) == P2P_GPU_MODEL_MAX - 1);
  CHECK(gpus.list[0].memory_mib == 0);
  put_node(1, GPU "99999999999\n");
  put_node(3, big);
  find();
  CHECK(gpus.n == 0);
  put_node(3, GPU);
  find();
  CHECK(gpus.n == 0);
}

TEST(at_most_so_many_are_listed) {
  for (int node = 0; node < 100; node++) {
    char properties[128];
    snprintf(properties, sizeof properties, GPU "129\nunique_id %d\n", node + 1);
    put_node(node, properties);
  }
  find();
  CHECK(gpus.n == P2P_GPUS_MAX);
  CHECK(p2p_file_tree_remove(root) == P2P_OK);
}

UNIT_MAIN("amd_gpus", UNIT(a_machine_without_their_driver_has_none),
          UNIT(those_with_units_a_render_node_and_access_count), UNIT(odd_files_are_no_gpus),
          UNIT(at_most_so_many_are_listed))
