/* Lists of GPUs. What the reader accepts is written back as it was; models are safe. */
#include "base/gpus.h"

#include <string.h>

#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length) {
  struct p2p_gpus gpus;
  struct p2p_gpu gpu = {.id = "7", .is_amd = true, .minor = -1};
  char text[P2P_GPUS_TEXT_MAX];
  if (p2p_gpus_read(bytes, length, &gpus) == P2P_OK &&
      (p2p_gpus_write(&gpus, text) != length || memcmp(text, bytes, length) != 0))
    __builtin_trap();
  gpus.n = 0;
  p2p_gpu_model_set(&gpu, (const char *)bytes, length);
  if (!p2p_gpus_add(&gpus, &gpu)) __builtin_trap();
  if (p2p_gpus_read(text, p2p_gpus_write(&gpus, text), &gpus) != P2P_OK) __builtin_trap();
  return 0;
}
