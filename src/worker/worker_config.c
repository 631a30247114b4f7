/* The limits of a configuration, and the machine as a hello reports it. */
#include "worker/worker_config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/random.h"
#include "proc/cgroup.h"
#include "proc/file_limit.h"

#define FILES_PER_EVALUATOR 4 /* frames, lifeline, errors, process descriptor */
#define FILES_OF_LINKS 320    /* 64 open ones, 16 that are being opened */
#define FILES_OF_OTHERS 40    /* R, the io thread, the board */

/* Links may use what evaluators leave. */
static int check_files(uint32_t slots, struct p2p_err *err) {
  uint64_t needed = FILES_PER_EVALUATOR * ((uint64_t)slots + 1) + FILES_OF_OTHERS;
  uint64_t limit = p2p_file_limit_raise(needed + FILES_OF_LINKS);
  if (limit >= needed) return P2P_OK;
  return p2p_err_because(
      err, "files_for_slots",
      p2p_err_set(err, P2P_ERR_SYSTEM,
                  "%u slots need %llu open files, and the limit of this process is %llu",
                  (unsigned)slots, (unsigned long long)needed, (unsigned long long)limit));
}

int p2p_worker_config_check(const struct p2p_worker_config *config, struct p2p_err *err) {
  if (config->slots < 1 || config->slots > P2P_WORKER_SLOTS_MAX)
    return p2p_err_set(err, P2P_ERR_INVALID, "a worker has from 1 to %d slots, not %u",
                       P2P_WORKER_SLOTS_MAX, (unsigned)config->slots);
  if (config->evaluator_argv == NULL || config->evaluator_argv[0] == NULL)
    return p2p_err_set(err, P2P_ERR_INVALID, "the command of the evaluators is missing");
  if (config->evaluator_env == NULL || config->scratch == NULL)
    return p2p_err_set(err, P2P_ERR_INVALID,
                       "the environment or the folder of the evaluators is missing");
  if (p2p_crypto_init() != P2P_OK)
    return p2p_err_set(err, P2P_ERR_CRYPTO, "cannot initialize libsodium");
  return check_files(config->slots, err);
}

struct p2p_cgroups *p2p_worker_config_groups(const struct p2p_worker_config *config,
                                             struct p2p_log_queue *log) {
  struct p2p_cgroups *groups;
  struct p2p_err err;
  if (!config->is_launched) return NULL;
  if (p2p_cgroups_new(NULL, true, &groups, &err) != P2P_OK) {
    p2p_log_write(log, P2P_LOG_DEBUG, "evaluators have no control groups: %s", err.message);
    return NULL;
  }
  p2p_log_write(log, P2P_LOG_DEBUG, "evaluators have control groups in '%s'",
                p2p_cgroups_path(groups));
  return groups;
}

static bool copy(const char *text, char **out) {
  *out = text == NULL ? NULL : strdup(text);
  return text == NULL || *out != NULL;
}

bool p2p_worker_texts_copy(const struct p2p_worker_config *config, struct p2p_worker_texts *out) {
  *out = (struct p2p_worker_texts){.mailbox = NULL};
  if (copy(config->board.mailbox, &out->mailbox) && copy(config->board.relay, &out->relay) &&
      copy(config->r_version, &out->r_version) &&
      copy(config->future_version, &out->future_version) &&
      copy(config->libraries, &out->libraries) && copy(config->account, &out->account) &&
      copy(config->scratch, &out->scratch) && copy(config->gpu_models, &out->gpu_models))
    return true;
  p2p_worker_texts_free(out);
  return false;
}

void p2p_worker_texts_free(struct p2p_worker_texts *texts) {
  free(texts->mailbox);
  free(texts->relay);
  free(texts->r_version);
  free(texts->future_version);
  free(texts->libraries);
  free(texts->account);
  free(texts->scratch);
  free(texts->gpu_models);
  *texts = (struct p2p_worker_texts){.mailbox = NULL};
}

static uint32_t at_most(uint32_t number, uint32_t cap) { return number < cap ? number : cap; }

static uint32_t in_mib(uint64_t bytes) {
  uint64_t mib = bytes >> 20;
  return mib < P2P_MACHINE_MEMORY_MAX ? (uint32_t)mib : P2P_MACHINE_MEMORY_MAX;
}

static uint32_t count_gpus(const char *text) {
  struct p2p_gpus gpus = {.n = 0};
  if (text != NULL && p2p_gpus_read(text, strlen(text), &gpus) != P2P_OK) gpus.n = 0;
  return (uint32_t)gpus.n;
}

void p2p_worker_config_machine(const struct p2p_worker_config *config, struct p2p_machine *out) {
  *out = (struct p2p_machine){.cores = at_most(config->cores, P2P_MACHINE_CORES_MAX),
                              .memory_mib = at_most(config->memory_mib, P2P_MACHINE_MEMORY_MAX),
                              .cache_mib = at_most(config->cache_mib, P2P_MACHINE_MEMORY_MAX),
                              .limit_mib = in_mib(config->limits.memory_bytes),
                              .gpus = count_gpus(config->gpus),
                              .reserves = true};
  if (config->tags != NULL && p2p_tags_are_valid(config->tags))
    snprintf(out->tags, sizeof out->tags, "%s", config->tags);
  if (config->platform != NULL && p2p_platform_is_valid(config->platform))
    snprintf(out->platform, sizeof out->platform, "%s", config->platform);
  (void)p2p_machine_sandbox_read(config->sandbox, &out->sandbox);
}
