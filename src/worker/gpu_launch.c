/* Starts of evaluators that are given GPUs. */
#include "worker/gpu_launch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/strings.h"

#define DEVICE "--device=/dev/nvidia"
#define DEVICES_MAX (P2P_GPUS_MAX + 2)
#define IDS_MAX (P2P_GPUS_MAX * P2P_GPU_ID_MAX)

struct given {
  char ids[IDS_MAX], numbers[IDS_MAX]; /* "GPU-a,GPU-b" and "0,1" */
  char devices[DEVICES_MAX][32];       /* arguments */
  size_t n, n_devices;
  bool is_amd;
};

static void add(struct given *given, const struct p2p_gpu *gpu) {
  size_t ids = strlen(given->ids), numbers = strlen(given->numbers);
  const char *comma = given->n > 0 ? "," : "";
  snprintf(given->ids + ids, sizeof given->ids - ids, "%s%s", comma, gpu->id);
  snprintf(given->numbers + numbers, sizeof given->numbers - numbers, "%s%zu", comma, given->n);
  given->is_amd = gpu->is_amd;
  given->n++;
  if (!gpu->is_amd && gpu->minor >= 0)
    snprintf(given->devices[given->n_devices++], sizeof given->devices[0], DEVICE "%d",
             (int)gpu->minor);
}

static void collect(const struct p2p_gpus *gpus, uint64_t which, struct given *out) {
  *out = (struct given){.n = 0};
  for (size_t i = 0; i < gpus->n; i++)
    if (which >> i & 1) add(out, &gpus->list[i]);
  if (out->n_devices == 0) return;
  snprintf(out->devices[out->n_devices++], sizeof out->devices[0], DEVICE "ctl");
  snprintf(out->devices[out->n_devices++], sizeof out->devices[0], DEVICE "-uvm");
}

static size_t count(const char *const *texts) {
  size_t n = 0;
  while (texts[n] != NULL) n++;
  return n;
}

/* The arguments after the program, then all others. NULL: out of memory. */
static char **make_argv(const char *const *argv, const struct given *given) {
  size_t n = count(argv), at = 0;
  const char **all = calloc(n + given->n_devices + 1, sizeof *all);
  if (all == NULL) return NULL;
  all[at++] = argv[0];
  for (size_t i = 0; i < given->n_devices; i++) all[at++] = given->devices[i];
  memcpy(all + at, argv + 1, (n - 1) * sizeof *all);
  char **copy = p2p_strings_copy(all);
  free(all);
  return copy;
}

static bool is_named(const char *variable, const char *name) {
  return strncmp(variable, name, strlen(name)) == 0;
}

static char **make_env(const char *const *env, const struct given *given) {
  static const char cuda[] = "CUDA_VISIBLE_DEVICES=", rocr[] = "ROCR_VISIBLE_DEVICES=",
                    hip[] = "HIP_VISIBLE_DEVICES=";
  char ids[sizeof cuda + IDS_MAX], numbers[sizeof hip + IDS_MAX];
  const char **all = calloc(count(env) + 3, sizeof *all);
  size_t at = 0;
  if (all == NULL) return NULL;
  const char *name = given->is_amd ? rocr : cuda;
  for (; *env != NULL; env++)
    if (!is_named(*env, name) && !(given->is_amd && is_named(*env, hip))) all[at++] = *env;
  snprintf(ids, sizeof ids, "%s%s", name, given->ids);
  snprintf(numbers, sizeof numbers, "%s%s", hip, given->numbers);
  all[at++] = ids;
  if (given->is_amd) all[at++] = numbers;
  char **copy = p2p_strings_copy(all);
  free(all);
  return copy;
}

bool p2p_gpu_launch_make(struct p2p_gpu_launch *out, const struct p2p_evaluator_launch *usual,
                         const struct p2p_gpus *gpus, uint64_t which, bool opens_devices) {
  struct given given;
  collect(gpus, which, &given);
  if (!opens_devices) given.n_devices = 0;
  out->argv = make_argv(usual->argv, &given);
  out->env = make_env(usual->env, &given);
  out->command = (struct p2p_evaluator_launch){(const char *const *)out->argv,
                                               (const char *const *)out->env, .is_for_one = true};
  return out->argv != NULL && out->env != NULL;
}

void p2p_gpu_launch_clear(struct p2p_gpu_launch *launch) {
  p2p_strings_free(launch->argv);
  p2p_strings_free(launch->env);
  *launch = (struct p2p_gpu_launch){.argv = NULL};
}
