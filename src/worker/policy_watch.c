/* One look at a time: the machine by a job, then the program that knows who uses it, then the
 * decision. */
#include "worker/policy_watch.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/strings.h"
#include "net/job.h"
#include "net/timer.h"
#include "proc/machine_use.h"
#include "proc/pipe_process.h"

#define OUTPUT_MAX 256

struct p2p_policy_watch {
  struct p2p_policy_watch_config config;
  char **idle_argv; /* NULL: none */
  struct p2p_policy policy;
  struct p2p_policy_verdict verdict;
  struct p2p_policy_facts facts;
  bool has_facts; /* of the machine, under this policy */
  struct p2p_own_load own;
  uint64_t quiet_since_ms;
  struct p2p_timer *timer;
  struct p2p_job *job;            /* NULL: none runs */
  struct p2p_pipe_process *piped; /* NULL: does not run */
  char output[OUTPUT_MAX];
};

struct machine {
  double load;
  bool on_battery;
};

/* ---- the decision ---- */

static void decide(struct p2p_policy_watch *watch) {
  char before[P2P_LOAD_STATE_MAX];
  uint64_t next_ms = P2P_POLICY_WATCH_FACTS_MS;
  bool needs_facts = p2p_policy_needs_facts(&watch->policy);
  memcpy(before, watch->verdict.state, sizeof before);
  watch->facts.now = time(NULL);
  watch->facts.quiet_s = (p2p_clock_ms() - watch->quiet_since_ms) / 1000;
  p2p_policy_decide(&watch->policy, &watch->facts, &watch->verdict);
  if (needs_facts && !watch->has_facts && watch->verdict.state[0] == '\0')
    memcpy(watch->verdict.state, "resting", sizeof "resting");
  if (!needs_facts) next_ms = P2P_POLICY_WATCH_CLOCK_MS;
  if (watch->verdict.change_s > 0 && 1000 * watch->verdict.change_s < next_ms)
    next_ms = 1000 * watch->verdict.change_s;
  if (needs_facts || watch->verdict.change_s > 0) p2p_timer_start(watch->timer, next_ms, 0);
  if (strcmp(before, watch->verdict.state) != 0) watch->config.on_change(watch->config.arg);
}

/* ---- facts ---- */

static void on_idle_output(void *arg, const char *bytes, size_t length) {
  struct p2p_policy_watch *watch = arg;
  size_t used = strlen(watch->output), left = sizeof watch->output - 1 - used;
  memcpy(watch->output + used, bytes, length < left ? length : left);
}

static void end_idle_program(struct p2p_policy_watch *watch) {
  p2p_pipe_process_free(watch->piped);
  watch->piped = NULL;
}

static void on_idle_end(void *arg, int exit_status, const char *errors) {
  struct p2p_policy_watch *watch = arg;
  watch->facts.knows_idle =
      exit_status == 0 && p2p_idle_read(watch->output, time(NULL), &watch->facts.idle_s);
  if (!watch->facts.knows_idle)
    p2p_log_write(watch->config.log, P2P_LOG_DEBUG,
                  "'%s' does not say who uses this machine (%s); its load counts",
                  watch->idle_argv[0], errors);
  end_idle_program(watch);
  watch->has_facts = true;
  decide(watch);
}

/* False: the load counts. */
static bool ask_who_uses(struct p2p_policy_watch *watch) {
  static const struct p2p_pipe_process_callbacks callbacks = {on_idle_output, on_idle_end};
  struct p2p_err err;
  watch->facts.knows_idle = false;
  if (watch->policy.when_idle_s == 0 || watch->idle_argv == NULL) return false;
  memset(watch->output, 0, sizeof watch->output);
  int code =
      p2p_pipe_process_spawn(p2p_loop_uv(watch->config.loop), (const char *const *)watch->idle_argv,
                             &callbacks, watch, &watch->piped, &err);
  if (code != P2P_OK) p2p_log_error(watch->config.log, P2P_LOG_DEBUG, &err);
  return code == P2P_OK;
}

static void ask_machine(void *data) {
  struct machine *machine = data;
  machine->load = p2p_machine_use_load();
  machine->on_battery = p2p_machine_use_battery(P2P_MACHINE_USE_SUPPLIES);
}

static void on_machine(void *arg, void *data) {
  struct p2p_policy_watch *watch = arg;
  struct machine machine = *(struct machine *)data;
  uint64_t now_ms = p2p_clock_ms();
  double others = machine.load - p2p_own_load_update(&watch->own, watch->own.running, now_ms);
  free(data);
  watch->job = NULL;
  watch->facts.load = others > 0 ? others : 0;
  watch->facts.on_battery = machine.on_battery;
  if (others > P2P_POLICY_IDLE_LOAD) watch->quiet_since_ms = now_ms;
  if (ask_who_uses(watch)) return;
  watch->has_facts = true;
  decide(watch);
}

/* A program that has not answered since the last look is not waited for. */
static void look(void *arg) {
  struct p2p_policy_watch *watch = arg;
  struct p2p_job_config job = {
      .work = ask_machine, .done = on_machine, .release = free, .arg = watch};
  p2p_timer_start(watch->timer, P2P_POLICY_WATCH_FACTS_MS, 0); /* decide() knows better */
  end_idle_program(watch);
  if (!p2p_policy_needs_facts(&watch->policy)) {
    decide(watch);
    return;
  }
  if (watch->job != NULL) return;
  job.data = calloc(1, sizeof(struct machine));
  if (job.data != NULL && p2p_job_start(watch->config.loop, &job, &watch->job) != P2P_OK) {
    free(job.data);
    watch->job = NULL;
  }
}

/* ---- for the owner ---- */

int p2p_policy_watch_new(const struct p2p_policy_watch_config *config,
                         struct p2p_policy_watch **out, struct p2p_err *err) {
  struct p2p_policy_watch *watch = calloc(1, sizeof *watch);
  if (watch == NULL) return p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
  watch->config = *config;
  watch->quiet_since_ms = p2p_clock_ms();
  watch->timer = p2p_timer_new(config->loop, look, watch);
  if (config->idle_argv != NULL) watch->idle_argv = p2p_strings_copy(config->idle_argv);
  if (watch->timer == NULL || (config->idle_argv != NULL && watch->idle_argv == NULL)) {
    p2p_policy_watch_free(watch);
    return p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
  }
  *out = watch;
  return P2P_OK;
}

void p2p_policy_watch_set(struct p2p_policy_watch *watch, const struct p2p_policy *policy) {
  watch->policy = *policy;
  watch->has_facts = false;
  p2p_timer_start(watch->timer, 0, 0);
}

const struct p2p_policy *p2p_policy_watch_policy(const struct p2p_policy_watch *watch) {
  return &watch->policy;
}

void p2p_policy_watch_note_running(struct p2p_policy_watch *watch, uint32_t running) {
  (void)p2p_own_load_update(&watch->own, running, p2p_clock_ms());
}

const char *p2p_policy_watch_state(const struct p2p_policy_watch *watch) {
  return watch->verdict.state;
}

void p2p_policy_watch_free(struct p2p_policy_watch *watch) {
  if (watch == NULL) return;
  p2p_job_cancel(watch->job);
  end_idle_program(watch);
  p2p_timer_free(watch->timer);
  p2p_strings_free(watch->idle_argv);
  free(watch);
}
