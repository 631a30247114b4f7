/* A line that we cannot use may be of a member that will have our key in a moment, or be our own
 * mistake. So we wait for the host, and for a line that shows that others are as we are. */
#include "board/key_notices.h"

#include <stdlib.h>

#include "net/timer.h"
#include "protocol/access_line.h"
#include "protocol/hello_line.h"

#define HELLO_EVERY_MS 200 /* of the host of a cluster without a key, to those who have one */

enum notice {
  HOSTED_KEYLESS, /* we have the key, and the host does not use it */
  PLAIN_MEMBER,   /* another member does not use it */
  OTHER_KEY,      /* others use another one */
  NO_KEY_HERE,    /* others use one, and we do not */
  KEYLESS_HOST,   /* the same, and we are the host */
  N_NOTICES
};

struct p2p_key_notices {
  struct p2p_key_notices_config config;
  struct p2p_timer *timer;
  bool was_said[N_NOTICES];
  bool is_confirmed; /* somebody else on this connection is as we are */
  bool is_waiting;   /* the timer runs: for `doubt`, or after our hello */
  enum notice doubt;
  bool is_due;                 /* a hello, after the timer */
  uint64_t unopened, reported; /* lines that were not of our key, or repeated */
};

static int describe(enum notice notice, const char *cluster, const char *who, struct p2p_err *err) {
  switch (notice) {
  case HOSTED_KEYLESS:
    return p2p_err_set(err, P2P_ERR_ACCESS,
                       "the cluster '%s' is hosted without a key now, while this device has one "
                       "and talks to members that have it only",
                       cluster);
  case PLAIN_MEMBER:
    return p2p_err_set(err, P2P_ERR_ACCESS,
                       "'%s' is on the cluster '%s' without its key, and is ignored", who, cluster);
  case OTHER_KEY:
    return p2p_err_set(err, P2P_ERR_ACCESS,
                       "other members of the cluster '%s' use another key than this device",
                       cluster);
  case NO_KEY_HERE:
    return p2p_err_set(err, P2P_ERR_ACCESS,
                       "members of the cluster '%s' use a key, and this device does not, so they "
                       "do not see each other",
                       cluster);
  default:
    return p2p_err_set(err, P2P_ERR_ACCESS,
                       "members of the cluster '%s' use its key, and see nobody, since it is "
                       "hosted without one",
                       cluster);
  }
}

static void say(struct p2p_key_notices *notices, enum notice notice, const char *who) {
  static const char *const reasons[N_NOTICES] = {
      [HOSTED_KEYLESS] = "hosted_keyless", [PLAIN_MEMBER] = "plain_member",
      [OTHER_KEY] = "other_key",           [NO_KEY_HERE] = "no_key_here",
      [KEYLESS_HOST] = "keyless_host",
  };
  struct p2p_err err;
  if (notices->was_said[notice] || notices->config.log == NULL) return;
  notices->was_said[notice] = true;
  int code = describe(notice, notices->config.cluster, who, &err);
  bool is_second_host = notice == HOSTED_KEYLESS && notices->config.role == P2P_ROLE_HOST;
  p2p_err_because(&err, is_second_host ? "already_hosted" : reasons[notice], code);
  p2p_log_error(notices->config.log, P2P_LOG_WARN, &err);
}

/* At most once in HELLO_EVERY_MS: one hello answers all members that have joined since the last. */
static void answer(struct p2p_key_notices *notices) {
  notices->is_due = notices->is_waiting;
  if (notices->is_due) return;
  notices->is_waiting = true;
  p2p_timer_start(notices->timer, HELLO_EVERY_MS, 0);
  notices->config.say_hello(notices->config.arg);
}

static void on_timer(void *arg) {
  struct p2p_key_notices *notices = arg;
  notices->is_waiting = false;
  if (notices->is_due)
    answer(notices);
  else if (notices->config.role != P2P_ROLE_HOST && !notices->is_confirmed)
    say(notices, notices->doubt, NULL);
}

static void doubt(struct p2p_key_notices *notices, enum notice notice) {
  if (notices->is_confirmed || notices->is_waiting || notices->was_said[notice]) return;
  notices->is_waiting = true;
  notices->doubt = notice;
  p2p_timer_start(notices->timer, P2P_KEY_NOTICE_MS, 0);
}

/* We have a key, and this line does not. */
static void hear_plain(struct p2p_key_notices *notices, const struct p2p_line *line) {
  struct p2p_hello_line hello;
  struct p2p_access_line access;
  bool is_hello = p2p_hello_line_read(line, &hello) == P2P_OK;
  bool is_host =
      is_hello ? hello.role == P2P_ROLE_HOST : p2p_access_line_read(line, &access) == P2P_OK;
  if (is_host)
    say(notices, HOSTED_KEYLESS, NULL);
  else if (is_hello && !notices->was_said[HOSTED_KEYLESS])
    say(notices, PLAIN_MEMBER, hello.from.name);
}

/* We have no key. */
static void hear_keyless(struct p2p_key_notices *notices, const struct p2p_line *line) {
  struct p2p_hello_line hello;
  struct p2p_access_line access;
  if (!p2p_line_is(line, "p2p1")) {
    if (p2p_hello_line_read(line, &hello) == P2P_OK ||
        p2p_access_line_read(line, &access) == P2P_OK)
      notices->is_confirmed = true;
  } else if (notices->config.role != P2P_ROLE_HOST) {
    doubt(notices, NO_KEY_HERE);
  } else {
    say(notices, KEYLESS_HOST, NULL);
    answer(notices);
  }
}

void p2p_key_notices_hear(struct p2p_key_notices *notices, const struct p2p_line *line,
                          bool has_key, int code) {
  bool can_doubt =
      notices->config.role != P2P_ROLE_HOST && !p2p_cluster_is_personal(notices->config.cluster);
  if (code != P2P_OK && code != P2P_ERR_CANCELED && code != P2P_ERR_CLOSED) notices->unopened++;
  if (!has_key && code == P2P_ERR_CANCELED)
    hear_keyless(notices, line);
  else if (has_key && (code == P2P_OK || (code == P2P_ERR_CLOSED && p2p_line_is(line, "epoch"))))
    notices->is_confirmed = true;
  else if (has_key && code == P2P_ERR_ACCESS && can_doubt)
    doubt(notices, OTHER_KEY);
  else if (has_key && code == P2P_ERR_PARSE)
    hear_plain(notices, line);
}

void p2p_key_notices_report(struct p2p_key_notices *notices) {
  uint64_t n = notices->unopened - notices->reported;
  if (n == 0 || notices->config.log == NULL) return;
  notices->reported = notices->unopened;
  p2p_log_write(notices->config.log, P2P_LOG_DEBUG,
                "dropped %llu line%s that the key of this cluster does not open, or that %s "
                "repeated (%llu so far)",
                (unsigned long long)n, n == 1 ? "" : "s", n == 1 ? "was" : "were",
                (unsigned long long)notices->unopened);
}

void p2p_key_notices_restart(struct p2p_key_notices *notices) {
  p2p_timer_stop(notices->timer);
  notices->is_waiting = notices->is_due = notices->is_confirmed = false;
}

struct p2p_key_notices *p2p_key_notices_new(const struct p2p_key_notices_config *config) {
  struct p2p_key_notices *notices = calloc(1, sizeof *notices);
  if (notices == NULL) return NULL;
  notices->config = *config;
  notices->timer = p2p_timer_new(config->loop, on_timer, notices);
  if (notices->timer != NULL) return notices;
  free(notices);
  return NULL;
}

void p2p_key_notices_free(struct p2p_key_notices *notices) {
  if (notices == NULL) return;
  p2p_timer_free(notices->timer);
  free(notices);
}
