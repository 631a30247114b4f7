/* The GPUs of AMD that programs can compute on, by the files of Linux and its drivers amdgpu and
 * amdkfd. Any thread; asks drivers, which may take a while. */
#ifndef P2P_PROC_AMD_GPUS_H
#define P2P_PROC_AMD_GPUS_H

#include "base/gpus.h"

/* Adds those that this account may use, in the order in which ROCm counts them. Their minor is that
 * of their render node. `root`: "", or, in tests, the folder that stands for "/". */
void p2p_amd_gpus_find(const char *root, struct p2p_gpus *out);

#endif
