/* When to give up a key. */
#include "board/personal_keys.h"

#include <string.h>

#include "base/clock.h"

#define YIELD_MS 3000  /* for the other device to ask for our key, which is the smaller one */
#define RETRY_MS 60000 /* nobody has answered */

static void give_up(struct p2p_personal_keys *keys) {
  keys->retry_ms = p2p_clock_ms() + RETRY_MS;
  keys->renew(keys->arg);
}

static void on_timer(void *arg) {
  struct p2p_personal_keys *keys = arg;
  keys->is_waiting = false;
  if (keys->is_alone) give_up(keys);
}

static void warn(struct p2p_personal_keys *keys) {
  struct p2p_err err;
  if (keys->was_warned || keys->log == NULL) return;
  keys->was_warned = true;
  p2p_err_because(&err, "two_keys",
                  p2p_err_set(&err, P2P_ERR_ACCESS,
                              "some of your devices use another key of cluster '%s'",
                              keys->cluster));
  p2p_log_error(keys->log, P2P_LOG_WARN, &err);
}

void p2p_personal_keys_hear(struct p2p_personal_keys *keys, const char *other, const char *own) {
  if (!keys->is_personal || keys->is_waiting || p2p_clock_ms() < keys->retry_ms) return;
  if (!keys->is_alone) {
    warn(keys);
  } else if (strcmp(other, own) < 0) {
    give_up(keys);
  } else {
    keys->is_waiting = true;
    p2p_timer_start(keys->timer, YIELD_MS, 0);
  }
}

int p2p_personal_keys_init(struct p2p_personal_keys *keys, struct p2p_loop *loop) {
  memset(keys, 0, sizeof *keys);
  keys->timer = p2p_timer_new(loop, on_timer, keys);
  return keys->timer == NULL ? P2P_ERR_MEMORY : P2P_OK;
}

void p2p_personal_keys_clear(struct p2p_personal_keys *keys) {
  p2p_timer_free(keys->timer);
  keys->timer = NULL;
}
