/* The worker's hello, the moments at which it is said again, and the `accept` lines that are for
 * us. */
#include "worker/announcer.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "crypto/random.h"
#include "protocol/leave.h"
#include "worker/crowd.h"

struct p2p_announcer {
  struct p2p_member *member;
  struct p2p_log_queue *log;
  const char *r_version, *future_version;
  struct p2p_machine machine;
  uint32_t slots;
  struct p2p_announcer_callbacks callbacks;
  void *arg;
  struct p2p_seal_public public_key;
  struct p2p_seal_secret secret_key;
  struct p2p_crowd crowd;
  struct p2p_timer *beat, *answer;
  bool answering; /* a client has come; `answer` runs */
  bool left;
  uint64_t unopened; /* accepts for us that did not open */
};

static void say_hello(struct p2p_announcer *announcer) {
  /* While away nothing is kept: the return to the board says hello by itself. */
  if (!announcer->left) (void)p2p_member_send_hello(announcer->member);
}

static void on_beat(void *arg) { say_hello(arg); }

static void on_answer(void *arg) {
  struct p2p_announcer *announcer = arg;
  announcer->answering = false;
  say_hello(announcer);
}

static void answer_client(struct p2p_announcer *announcer) {
  if (announcer->answering) return;
  announcer->answering = true;
  uint32_t most_ms = p2p_crowd_jitter_ms(&announcer->crowd, p2p_clock_ms());
  p2p_timer_start(announcer->answer, p2p_random_below(most_ms + 1), 0);
}

static void take_accept(struct p2p_announcer *announcer, const struct p2p_line *line) {
  struct p2p_accept accept;
  int code = p2p_accept_read(line, p2p_member_name(announcer->member), &announcer->public_key,
                             &announcer->secret_key, &accept);
  if (code == P2P_OK) {
    announcer->callbacks.on_accept(announcer->arg, &accept);
    p2p_wipe(&accept, sizeof accept);
  } else if (code != P2P_ERR_CANCELED) {
    p2p_log_write(announcer->log, P2P_LOG_DEBUG,
                  "An accept on the board does not open with our key (%llu so far)",
                  (unsigned long long)++announcer->unopened);
  }
}

/* ---- the member's events ---- */

static void on_hello(void *arg, struct p2p_hello_line *hello) {
  const struct p2p_announcer *announcer = arg;
  snprintf(hello->r_version, sizeof hello->r_version, "%s", announcer->r_version);
  snprintf(hello->future_version, sizeof hello->future_version, "%s", announcer->future_version);
  hello->key = announcer->public_key;
  hello->slots = announcer->slots;
  hello->machine = announcer->machine;
}

static void on_joined(void *arg) {
  struct p2p_announcer *announcer = arg;
  p2p_log_write(announcer->log, P2P_LOG_INFO, "Joined %s as %s with %u slot%s",
                p2p_member_cluster(announcer->member), p2p_member_name(announcer->member),
                (unsigned)announcer->slots, announcer->slots == 1 ? "" : "s");
  p2p_timer_start(announcer->beat, P2P_ANNOUNCER_BEAT_MS, P2P_ANNOUNCER_BEAT_MS);
  announcer->callbacks.on_joined(announcer->arg);
}

static void on_line(void *arg, const struct p2p_line *line) {
  struct p2p_announcer *announcer = arg;
  struct p2p_hello_line hello;
  char from[P2P_MEMBER_NAME_MAX];
  if (announcer->left) return;
  if (p2p_hello_line_read(line, &hello) == P2P_OK) {
    if (hello.role == P2P_ROLE_CLIENT)
      answer_client(announcer);
    else if (hello.role == P2P_ROLE_WORKER)
      p2p_crowd_hear(&announcer->crowd, hello.from, p2p_clock_ms());
  } else if (p2p_leave_read(line, from) == P2P_OK) {
    p2p_crowd_leave(&announcer->crowd, from);
  } else {
    take_accept(announcer, line);
  }
}

static void on_away(void *arg, const struct p2p_err *err, uint32_t retry_ms) {
  struct p2p_announcer *announcer = arg;
  struct p2p_err told;
  p2p_err_set(&told, err->code, "The board is away (%s); trying again in %.1f s. Links go on.",
              err->message, retry_ms / 1000.0);
  p2p_log_error(announcer->log, P2P_LOG_WARN, &told);
}

static void on_failed(void *arg, const struct p2p_err *err) {
  struct p2p_announcer *announcer = arg;
  announcer->callbacks.on_failed(announcer->arg, err);
}

/* ---- what the owner does ---- */

int p2p_announcer_new(const struct p2p_announcer_config *config,
                      const struct p2p_announcer_callbacks *callbacks, void *arg,
                      struct p2p_announcer **out, struct p2p_err *err) {
  static const struct p2p_member_callbacks heard = {on_hello, on_joined, on_line, on_away,
                                                    on_failed};
  struct p2p_announcer *announcer = calloc(1, sizeof *announcer);
  if (announcer == NULL) return p2p_err_set(err, P2P_ERR_MEMORY, "Out of memory");
  announcer->log = config->log;
  announcer->r_version = config->r_version;
  announcer->future_version = config->future_version;
  announcer->machine = config->machine;
  announcer->slots = config->slots;
  announcer->callbacks = *callbacks;
  announcer->arg = arg;
  p2p_seal_keypair(&announcer->public_key, &announcer->secret_key);
  announcer->beat = p2p_timer_new(config->member.loop, on_beat, announcer);
  announcer->answer = p2p_timer_new(config->member.loop, on_answer, announcer);
  int code = announcer->beat == NULL || announcer->answer == NULL
                 ? p2p_err_set(err, P2P_ERR_MEMORY, "Out of memory")
                 : p2p_member_new(&config->member, &heard, announcer, &announcer->member, err);
  if (code != P2P_OK) {
    p2p_announcer_free(announcer);
    return code;
  }
  *out = announcer;
  return P2P_OK;
}

void p2p_announcer_leave(struct p2p_announcer *announcer) {
  struct p2p_line line;
  if (announcer->left) return;
  announcer->left = true;
  if (p2p_leave_write(&line, p2p_member_name(announcer->member), time(NULL)) == P2P_OK)
    (void)p2p_member_send(announcer->member, &line);
}

void p2p_announcer_free(struct p2p_announcer *announcer) {
  if (announcer == NULL) return;
  p2p_timer_free(announcer->beat);
  p2p_timer_free(announcer->answer);
  p2p_member_free(announcer->member);
  p2p_wipe(announcer, sizeof *announcer);
  free(announcer);
}

const struct p2p_member *p2p_announcer_member(const struct p2p_announcer *announcer) {
  return announcer->member;
}
