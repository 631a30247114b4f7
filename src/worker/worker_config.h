/* The configuration of a worker. Any thread. */
#ifndef P2P_WORKER_WORKER_CONFIG_H
#define P2P_WORKER_WORKER_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/log_queue.h"
#include "board/board_config.h"
#include "ledger/recorder.h"
#include "net/loop.h"
#include "protocol/machine.h"
#include "worker/limits.h"
#include "worker/policy.h"

struct p2p_worker_config {
  struct p2p_loop *loop;
  struct p2p_board_config board;
  const char *r_version, *future_version;
  const char *platform;       /* of R: letters, digits, '.', '_' and '-'; NULL: not reported */
  uint32_t cores, memory_mib; /* of the machine; 0: not reported */
  uint32_t cache_mib;         /* of each evaluator, for parts of tasks; 0: none */
  const char *tags;           /* "bioc;gpu-lab", see p2p_tags_are_valid; NULL: none */
  const char *gpus;           /* that are lent, as lines of base/gpus; NULL: none */
  const char *gpu_models;     /* of these, see struct p2p_here; NULL: not reported */
  const char *sandbox;        /* of futures, a name of protocol/machine; NULL: not reported */
  const char *libraries;      /* folders that contain R packages, one per line; NULL: none */
  const char *account; /* the account that futures run under, for the log; NULL: not logged */
  uint32_t slots;      /* from 1 to P2P_WORKER_SLOTS_MAX */
  /* The program and arguments of an evaluator, and its environment, "NAME=value"; both
   * NULL-terminated. */
  const char *const *evaluator_argv, *const *evaluator_env;
  /* evaluator_argv starts the program of shell/sandbox, so that evaluators can have control groups
   */
  bool is_launched;
  bool is_kept; /* evaluator_argv starts a keeper (proc/keeper), which starts the evaluator */
  /* The folder of their scratch folders, PARENT/Rtmp123/NAME (see worker/scratch); removed at the
   * end. */
  const char *scratch;
  const char *workdir; /* their working directory; NULL: their scratch folders */
  /* Of each evaluator. The evaluator itself sets its memory limit; it is reported here. */
  struct p2p_limits limits;
  uint64_t object_cap_bytes; /* the largest future that is accepted */
  struct p2p_policy policy;
  const char *control_folder;    /* of its control socket; NULL: none */
  const char *policy_file;       /* watched for changes; NULL: none */
  const char *const *idle_argv;  /* see p2p_policy_watch_config; NULL: none */
  struct p2p_recorder *recorder; /* of what is lent; NULL: none. Takes a reference */
};

/* Raises the limit on open files as far as the slots need it. P2P_ERR_INVALID; P2P_ERR_CRYPTO:
 * libsodium cannot be initialized; P2P_ERR_SYSTEM: the limit is too low. */
int p2p_worker_config_check(const struct p2p_worker_config *config,
                            struct p2p_err *err) P2P_MUST_USE;
/* The control groups of the evaluators, for p2p_cgroups_free(); NULL: they can have none, and the
 * log says why. */
struct p2p_cgroups *p2p_worker_config_groups(const struct p2p_worker_config *config,
                                             struct p2p_log_queue *log);
/* Copies of texts of a configuration, for as long as the worker lives; NULL as there. */
struct p2p_worker_texts {
  char *mailbox, *relay, *r_version, *future_version, *libraries, *account, *scratch, *gpu_models;
};
bool p2p_worker_texts_copy(const struct p2p_worker_config *config,
                           struct p2p_worker_texts *out) P2P_MUST_USE; /* false: out of memory */
void p2p_worker_texts_free(struct p2p_worker_texts *texts);

/* What is unknown or not valid is not reported. */
void p2p_worker_config_machine(const struct p2p_worker_config *config, struct p2p_machine *out);

#endif
