/* The command and the environment of an evaluator that is given GPUs: their programs see these
 * only. */
#ifndef P2P_WORKER_GPU_LAUNCH_H
#define P2P_WORKER_GPU_LAUNCH_H

#include <stdbool.h>

#include "base/gpus.h"
#include "worker/evaluator.h"

struct p2p_gpu_launch {
  struct p2p_evaluator_launch command;
  char **argv, **env;
};

/* Changes a usual command for those of the GPUs whose bits are in `which`. NVIDIA's are named in
 * CUDA_VISIBLE_DEVICES, by their UUIDs, which do not depend on an order; AMD's in
 * ROCR_VISIBLE_DEVICES, and then counted in HIP_VISIBLE_DEVICES. `opens_devices`: argv[0] is
 * shell/sandbox, and gets the device files of NVIDIA's. False: out of memory; clear it then, too.
 */
bool p2p_gpu_launch_make(struct p2p_gpu_launch *out, const struct p2p_evaluator_launch *usual,
                         const struct p2p_gpus *gpus, uint64_t which,
                         bool opens_devices) P2P_MUST_USE;
void p2p_gpu_launch_clear(struct p2p_gpu_launch *launch);

#endif
