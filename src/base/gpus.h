/* The GPUs of a machine, and their list as lines of text, by which the program `gpus` tells a
 * worker of them. Pure. Grammar of a line:
 *
 *   vendor SP id SP minor SP memory SP model LF
 *
 * vendor: "nvidia" or "amd". id: what makes the GPU visible to programs, in the variable of its
 * vendor. minor: the number of its device file, or "-". memory: MiB, or "-". */
#ifndef P2P_BASE_GPUS_H
#define P2P_BASE_GPUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define P2P_GPUS_MAX 64      /* of one machine: sets of them are bits of a uint64_t */
#define P2P_GPU_ID_MAX 41    /* with a NUL */
#define P2P_GPU_MODEL_MAX 64 /* with a NUL */
#define P2P_GPU_MODEL_CHARACTERS \
  "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 ._+()/-"
#define P2P_GPU_MEMORY_MAX 99999999  /* MiB */
#define P2P_GPU_MINOR_MAX 65535      /* of its device file */
#define P2P_GPUS_TEXT_MAX (64 * 136) /* of all lines, with a NUL */

struct p2p_gpu {
  bool is_amd; /* else of NVIDIA */
  char id[P2P_GPU_ID_MAX];
  int32_t minor;       /* -1: unknown */
  uint32_t memory_mib; /* 0: unknown */
  char model[P2P_GPU_MODEL_MAX];
};

struct p2p_gpus {
  size_t n;
  struct p2p_gpu list[P2P_GPUS_MAX];
};

/* Of NVIDIA: "GPU-" and a UUID. Of AMD: "GPU-" and sixteen hex digits, or an index below 1000. */
bool p2p_gpu_id_is_valid(const char *id, bool is_amd);
/* A name in letters, digits, spaces and a few signs: those that may be shown, and written in a line
 * of the board. Others become '_'; "GPU" if nothing is left. */
void p2p_gpu_model_set(struct p2p_gpu *gpu, const char *text, size_t length);
/* Adds a copy. False: its id is not valid or is there already, or there are P2P_GPUS_MAX. */
bool p2p_gpus_add(struct p2p_gpus *gpus, const struct p2p_gpu *gpu);

/* Writes the lines, with a NUL behind them. Returns their length. */
size_t p2p_gpus_write(const struct p2p_gpus *gpus, char out[static P2P_GPUS_TEXT_MAX]);
/* Reads what p2p_gpus_write() writes, and nothing else. P2P_ERR_PARSE; *out is then unchanged. */
int p2p_gpus_read(const void *text, size_t length, struct p2p_gpus *out) P2P_MUST_USE;

#endif
