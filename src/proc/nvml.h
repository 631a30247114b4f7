/* The GPUs of NVIDIA, as its library NVML says. The library is part of the driver: it is opened
 * where there is one, and may block or crash, so a process of its own should ask
 * (shell/gpus). Any thread. */
#ifndef P2P_PROC_NVML_H
#define P2P_PROC_NVML_H

#include "base/gpus.h"

#define P2P_NVML_LIBRARY "libnvidia-ml.so.1"

/* Adds the GPUs that NVML lists and can say the id of, in its order: that of their bus. Without the
 * library or without its driver, there are none. P2P_ERR_SYSTEM: NVML says what is wrong. */
int p2p_nvml_find(const char *library, struct p2p_gpus *out, struct p2p_err *err) P2P_MUST_USE;

#endif
