/* The worker's hello, the moments at which it is said again, and the `accept` lines that are for us. */
#include "worker/presence.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/encode.h"
#include "crypto/random.h"
#include "worker/crowd.h"

struct p2p_presence {
  struct p2p_member *member;
  struct p2p_events *log;
  const char *r_version, *future_version, *machine;
  uint32_t slots;
  struct p2p_presence_events events;
  void *arg;
  struct p2p_seal_public public_key;
  struct p2p_seal_secret secret_key;
  struct p2p_crowd crowd;
  struct p2p_timer *beat, *answer;
  bool answering; /* a client has come; `answer` runs */
  bool left;
  uint64_t unopened; /* accepts for us that did not open */
};

static void say_hello(struct p2p_presence *presence) {
  /* While away nothing is kept: the return to the board says hello by itself. */
  if (!presence->left) (void)p2p_member_say_hello(presence->member);
}

static void on_beat(void *arg) { say_hello(arg); }

static void on_answer(void *arg) {
  struct p2p_presence *presence = arg;
  presence->answering = false;
  say_hello(presence);
}

static void answer_client(struct p2p_presence *presence) {
  if (presence->answering) return;
  presence->answering = true;
  uint32_t most_ms = p2p_crowd_jitter_ms(&presence->crowd, p2p_clock_ms());
  p2p_timer_start(presence->answer, p2p_random_below(most_ms + 1), 0);
}

static void take_accept(struct p2p_presence *presence, const struct p2p_line *line) {
  struct p2p_accept accept;
  int code = p2p_accept_read(line, p2p_member_from(presence->member), &presence->public_key, &presence->secret_key,
                             &accept);
  if (code == P2P_OK) {
    presence->events.on_accept(presence->arg, &accept);
    p2p_wipe(&accept, sizeof accept);
  } else if (code != P2P_ERR_CANCELED) {
    p2p_events_say(presence->log, P2P_LEVEL_DEBUG, "An accept on the board does not open with our key (%llu so far)",
                   (unsigned long long)++presence->unopened);
  }
}

/* ---- the member's events ---- */

/* What a client may want to choose a worker by. */
static int put_machine(const struct p2p_presence *presence, struct p2p_line *hello) {
  static const char *const keys[] = {"platform", "cores", "memory"};
  char value[P2P_STRANGER_NAME_MAX];
  int code = P2P_OK;
  for (size_t i = 0; i < sizeof keys / sizeof keys[0] && code == P2P_OK; i++)
    if (p2p_stranger_value(presence->machine, strlen(presence->machine), keys[i], value, sizeof value))
      code = p2p_line_put(hello, keys[i], value);
  return code;
}

static void on_hello(void *arg, struct p2p_line *hello) {
  struct p2p_presence *presence = arg;
  char key[P2P_BASE64_LEN(P2P_SEAL_KEY_LEN) + 1];
  p2p_base64url_encode(presence->public_key.bytes, sizeof presence->public_key.bytes, key);
  if (p2p_line_put(hello, "key", key) != P2P_OK || p2p_line_putf(hello, "slots", "%u", (unsigned)presence->slots) != P2P_OK ||
      p2p_line_put(hello, "r", presence->r_version) != P2P_OK ||
      p2p_line_put(hello, "future", presence->future_version) != P2P_OK || put_machine(presence, hello) != P2P_OK)
    p2p_events_say(presence->log, P2P_LEVEL_DEBUG, "The hello has no room for what this worker has to say");
}

static void on_joined(void *arg) {
  struct p2p_presence *presence = arg;
  p2p_events_say(presence->log, P2P_LEVEL_INFO, "Joined %s as %s with %u slot%s", p2p_member_cluster(presence->member),
                 p2p_member_from(presence->member), (unsigned)presence->slots, presence->slots == 1 ? "" : "s");
  p2p_timer_start(presence->beat, P2P_PRESENCE_BEAT_MS, P2P_PRESENCE_BEAT_MS);
  presence->events.on_joined(presence->arg);
}

static void on_line(void *arg, const struct p2p_line *line) {
  struct p2p_presence *presence = arg;
  const char *type = p2p_line_get(line, "type"), *from = p2p_line_get(line, "from");
  if (type == NULL || from == NULL || presence->left) return;
  if (strcmp(type, "client") == 0)
    answer_client(presence);
  else if (strcmp(type, "worker") == 0)
    p2p_crowd_hear(&presence->crowd, from, p2p_clock_ms());
  else if (strcmp(type, "leave") == 0)
    p2p_crowd_leave(&presence->crowd, from);
  else
    take_accept(presence, line);
}

static void on_away(void *arg, const struct p2p_err *err, uint32_t retry_ms) {
  struct p2p_presence *presence = arg;
  struct p2p_err told;
  p2p_err_set(&told, err->code, "The board is away (%s); trying again in %.1f s. Links go on.", err->message,
              retry_ms / 1000.0);
  p2p_events_fail(presence->log, P2P_LEVEL_WARN, &told);
}

static void on_failed(void *arg, const struct p2p_err *err) {
  struct p2p_presence *presence = arg;
  presence->events.on_failed(presence->arg, err);
}

/* ---- what the owner does ---- */

int p2p_presence_new(const struct p2p_presence_config *config, const struct p2p_presence_events *events, void *arg,
                     struct p2p_presence **out, struct p2p_err *err) {
  static const struct p2p_member_events heard = {on_hello, on_joined, on_line, on_away, on_failed};
  struct p2p_presence *presence = calloc(1, sizeof *presence);
  if (presence == NULL) return p2p_err_set(err, P2P_ERR_MEMORY, "Out of memory");
  presence->log = config->log;
  presence->r_version = config->r_version;
  presence->future_version = config->future_version;
  presence->machine = config->machine;
  presence->slots = config->slots;
  presence->events = *events;
  presence->arg = arg;
  p2p_seal_keypair(&presence->public_key, &presence->secret_key);
  presence->beat = p2p_timer_new(config->member.loop, on_beat, presence);
  presence->answer = p2p_timer_new(config->member.loop, on_answer, presence);
  int code = presence->beat == NULL || presence->answer == NULL
                 ? p2p_err_set(err, P2P_ERR_MEMORY, "Out of memory")
                 : p2p_member_new(&config->member, &heard, presence, &presence->member, err);
  if (code != P2P_OK) {
    p2p_presence_free(presence);
    return code;
  }
  *out = presence;
  return P2P_OK;
}

void p2p_presence_leave(struct p2p_presence *presence) {
  struct p2p_line line;
  if (presence->left) return;
  presence->left = true;
  if (p2p_member_line(presence->member, &line, "leave", 0) == P2P_OK) (void)p2p_member_say(presence->member, &line);
}

void p2p_presence_free(struct p2p_presence *presence) {
  if (presence == NULL) return;
  p2p_timer_free(presence->beat);
  p2p_timer_free(presence->answer);
  p2p_member_free(presence->member);
  p2p_wipe(presence, sizeof *presence);
  free(presence);
}

const struct p2p_member *p2p_presence_member(const struct p2p_presence *presence) { return presence->member; }
