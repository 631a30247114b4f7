/* How evaluators are started that are given GPUs. */
#include "worker/gpu_launch.h"

#include "unit.h"

#define A "GPU-000000a0-d72c-4106-c12f-20bd9faed9f6"
#define B "GPU-000000a1-d72c-4106-c12f-20bd9faed9f6"

static const char *const argv[] = {"/bin/sandbox", "--net", "landlock", "R", NULL};
static const char *const env[] = {"HOME=/h",
                                  "CUDA_VISIBLE_DEVICES=",
                                  "ROCR_VISIBLE_DEVICES=",
                                  "HIP_VISIBLE_DEVICES=7",
                                  "PATH=/bin",
                                  NULL};
static const struct p2p_evaluator_launch usual = {.argv = argv, .env = env};
static const struct p2p_gpus nvidia = {
    .n = 3, .list = {{.id = A, .minor = 4}, {.id = B, .minor = 7}, {.id = "GPU-x", .minor = -1}}};
static const struct p2p_gpus amd = {.n = 2,
                                    .list = {{.is_amd = true, .id = "3", .minor = 128},
                                             {.is_amd = true, .id = "GPU-1", .minor = 129}}};

static void check(char *const *texts, const char *const *expected) {
  size_t i = 0;
  for (; texts[i] != NULL && expected[i] != NULL; i++) CHECK_STR(texts[i], expected[i]);
  CHECK(texts[i] == NULL && expected[i] == NULL);
}

#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})

TEST(the_gpus_of_nvidia_are_named_by_id_and_their_devices_opened) {
  struct p2p_gpu_launch launch = {.argv = NULL};
  CHECK(p2p_gpu_launch_make(&launch, &usual, &nvidia, 2, true));
  CHECK(launch.command.is_for_one && launch.command.argv[0] == launch.argv[0]);
  check(launch.argv, LIST("/bin/sandbox", "--device=/dev/nvidia7", "--device=/dev/nvidiactl",
                          "--device=/dev/nvidia-uvm", "--net", "landlock", "R"));
  check(launch.env, LIST("HOME=/h", "ROCR_VISIBLE_DEVICES=", "HIP_VISIBLE_DEVICES=7", "PATH=/bin",
                         "CUDA_VISIBLE_DEVICES=" B));
  p2p_gpu_launch_clear(&launch);
  CHECK(p2p_gpu_launch_make(&launch, &usual, &nvidia, 3, false));
  check(launch.argv, argv);
  CHECK_STR(launch.env[4], "CUDA_VISIBLE_DEVICES=" A "," B);
  p2p_gpu_launch_clear(&launch);
  CHECK(p2p_gpu_launch_make(&launch, &usual, &nvidia, 4, true)); /* its device is not known */
  check(launch.argv, argv);
  p2p_gpu_launch_clear(&launch);
}

TEST(the_gpus_of_amd_are_named_and_counted) {
  struct p2p_gpu_launch launch = {.argv = NULL};
  CHECK(p2p_gpu_launch_make(&launch, &usual, &amd, 3, true));
  check(launch.argv, argv);
  check(launch.env, LIST("HOME=/h", "CUDA_VISIBLE_DEVICES=", "PATH=/bin",
                         "ROCR_VISIBLE_DEVICES=3,GPU-1", "HIP_VISIBLE_DEVICES=0,1"));
  p2p_gpu_launch_clear(&launch);
}

TEST(all_gpus_of_the_largest_machine_fit) {
  struct p2p_gpus most = {.n = P2P_GPUS_MAX};
  struct p2p_gpu_launch launch = {.argv = NULL};
  for (int i = 0; i < P2P_GPUS_MAX; i++) {
    most.list[i].minor = P2P_GPU_MINOR_MAX - i;
    snprintf(most.list[i].id, sizeof most.list[i].id, "GPU-%08x-d72c-4106-c12f-20bd9faed9f6",
             (unsigned)i);
  }
  CHECK(p2p_gpu_launch_make(&launch, &usual, &most, UINT64_MAX, true));
  CHECK_STR(launch.argv[P2P_GPUS_MAX], "--device=/dev/nvidia65472");
  CHECK(strlen(launch.env[4]) == strlen("CUDA_VISIBLE_DEVICES=") + P2P_GPUS_MAX * 41 - 1);
  p2p_gpu_launch_clear(&launch);
}

UNIT_MAIN("gpu_launch", UNIT(the_gpus_of_nvidia_are_named_by_id_and_their_devices_opened),
          UNIT(the_gpus_of_amd_are_named_and_counted), UNIT(all_gpus_of_the_largest_machine_fit))
