/* A member of a cluster's topic: one connection (connection.c) after the other, with growing delays
 * between them. */
#include "board/member.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/backoff.h"
#include "base/clock.h"
#include "base/encode.h"
#include "board/connection.h"
#include "board/line_sealer.h"
#include "crypto/random.h"
#include "net/timer.h"

#define TIMEOUT_MS 30000
static const struct p2p_backoff BACKOFF = {.first_ms = 500, .max_ms = 30000};
#define STEADY_MS 30000 /* after a connection as long as this the delays are short again */
#define ACCESS_MAX 8192
#define HELLO_ID_BYTES 8
/* A flood of malformed lines does not become a flood of log lines. */
#define REPORT_AFTER_MS 1000

struct p2p_member {
  struct p2p_loop *loop;
  struct p2p_address address;
  bool has_cluster;
  struct p2p_cluster cluster;
  enum p2p_role role;
  char access[ACCESS_MAX];
  uint32_t timeout_ms;
  struct p2p_member_callbacks callbacks;
  void *arg;
  struct p2p_connection *connection; /* NULL: disconnected */
  struct p2p_timer *timer;
  uint64_t deadline_ms; /* for the first join */
  uint64_t joined_at_ms;
  bool joined, was_joined;
  unsigned attempts; /* since the last long connection */
  uint64_t dropped;  /* by earlier connections */
  struct p2p_log_queue *log;
  struct p2p_timer *report_timer;
  bool is_reporting;                    /* report_timer runs */
  uint64_t reported;                    /* dropped lines */
  uint64_t unopened, unopened_reported; /* lines that are not of this cluster's key, or repeated */
  struct p2p_line_sealer *sealer;       /* NULL: the cluster has no key */
  char user[P2P_USER_MAX];
  struct p2p_identity identity; /* the id from the start, the name once connected */
  char cluster_name[P2P_CLUSTER_MAX];
  struct p2p_services services;
  bool is_freed;             /* p2p_member_free was called */
  struct p2p_post free_post; /* frees the memory after the callbacks that are running */
};

/* ---- lines ---- */

/* A longer name is cut, and characters that a member's name cannot have are left out. */
static void put_hostname(char *out, size_t size) {
  char name[256] = ""; /* POSIX: at most 255 bytes */
  size_t used = 0;
  if (gethostname(name, sizeof name - 1) != 0) name[0] = '\0';
  for (const char *at = name; *at != '\0' && used + 1 < size; at++) {
    bool is_plain = (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') ||
                    (*at >= '0' && *at <= '9') || *at == '.' || *at == '-' || *at == '_';
    if (is_plain) out[used++] = *at;
  }
  out[used] = '\0';
  if (used == 0) snprintf(out, size, "unknown");
}

/* Writes random bytes in hex. */
static void draw_hex(size_t n_bytes, char *out) {
  uint8_t bytes[P2P_IDENTITY_ID_BYTES];
  p2p_random_bytes(bytes, n_bytes);
  p2p_hex_encode(bytes, n_bytes, out);
}

/* The id tells this hello from all others. */
static int write_hello(struct p2p_member *member, struct p2p_line *out) {
  struct p2p_hello_line hello = {.role = member->role};
  draw_hex(HELLO_ID_BYTES, hello.id);
  hello.from = member->identity;
  if (member->callbacks.on_hello != NULL) member->callbacks.on_hello(member->arg, &hello);
  return p2p_hello_line_write(out, &hello, time(NULL));
}

int p2p_member_send(struct p2p_member *member, const struct p2p_line *line) {
  char text[P2P_LINE_MAX + 1];
  struct p2p_line sealed;
  if (!member->joined) return P2P_ERR_CLOSED;
  if (member->sealer != NULL) {
    int code = p2p_line_sealer_seal(member->sealer, line, &sealed);
    if (code != P2P_OK) return code;
    line = &sealed;
  }
  long length = p2p_line_format(line, text, sizeof text);
  return length < 0 ? (int)length : p2p_connection_write(member->connection, text, (size_t)length);
}

int p2p_member_send_hello(struct p2p_member *member) {
  struct p2p_line hello;
  if (!member->joined) return P2P_ERR_CLOSED;
  int code = write_hello(member, &hello);
  return code == P2P_OK ? p2p_member_send(member, &hello) : code;
}

/* ---- one connection ---- */

static void on_hello(void *arg, struct p2p_line *hello) {
  struct p2p_member *member = arg;
  const struct p2p_cluster *cluster = p2p_connection_cluster(member->connection);
  char hostname[65];
  put_hostname(hostname, sizeof hostname);
  snprintf(member->user, sizeof member->user, "%s", p2p_connection_user(member->connection));
  snprintf(member->identity.name, sizeof member->identity.name, "%s@%s:%ld", member->user, hostname,
           (long)getpid());
  snprintf(member->cluster_name, sizeof member->cluster_name, "%s/%s", cluster->owner,
           cluster->name);
  member->services = *p2p_connection_services(member->connection);
  struct p2p_line plain;
  int code = write_hello(member, member->sealer == NULL ? hello : &plain);
  if (member->is_freed) return; /* in the owner's on_hello */
  if (code == P2P_OK && member->sealer != NULL)
    code = p2p_line_sealer_seal(member->sealer, &plain, hello);
  if (code != P2P_OK) p2p_line_init(hello);
}

static void on_joined(void *arg) {
  struct p2p_member *member = arg;
  member->joined = member->was_joined = true;
  member->joined_at_ms = p2p_clock_ms();
  member->callbacks.on_joined(member->arg);
}

static void start_report(struct p2p_member *member) {
  if (!member->is_reporting) p2p_timer_start(member->report_timer, REPORT_AFTER_MS, 0);
  member->is_reporting = true;
}

static void on_line(void *arg, const struct p2p_line *line) {
  struct p2p_member *member = arg;
  struct p2p_line opened;
  if (member->sealer != NULL) {
    if (p2p_line_sealer_open(member->sealer, line, &opened) != P2P_OK) {
      member->unopened++;
      start_report(member);
      return;
    }
    line = &opened;
  }
  const char *sender = p2p_line_get(line, "member");
  if (sender != NULL && strcmp(sender, member->identity.id) == 0) return; /* an echo */
  member->callbacks.on_line(member->arg, line);
}

static void report_unopened(struct p2p_member *member) {
  uint64_t n = member->unopened - member->unopened_reported;
  if (n == 0 || member->log == NULL) return;
  member->unopened_reported = member->unopened;
  p2p_log_write(member->log, P2P_LOG_DEBUG,
                "dropped %llu line%s that the key of this cluster does not open, or that %s "
                "repeated (%llu so far)",
                (unsigned long long)n, n == 1 ? "" : "s", n == 1 ? "was" : "were",
                (unsigned long long)member->unopened);
}

static void report_dropped(void *arg) {
  struct p2p_member *member = arg;
  uint64_t dropped = p2p_member_dropped(member), n = dropped - member->reported;
  member->is_reporting = false;
  p2p_timer_stop(member->report_timer);
  report_unopened(member);
  if (n == 0 || member->log == NULL) return;
  member->reported = dropped;
  p2p_log_write(member->log, P2P_LOG_DEBUG,
                "dropped %llu malformed line%s from the board (%llu so far)", (unsigned long long)n,
                n == 1 ? "" : "s", (unsigned long long)dropped);
}

static void on_dropped(void *arg) { start_report(arg); }

/* Before the first join, only a connection that broke is tried again. Later an access error is,
 * too: the host may be restarting. */
static bool is_final(const struct p2p_member *member, int code) {
  if (member->was_joined) return code == P2P_ERR_HOST_KEY || code == P2P_ERR_AUTH;
  return code != P2P_ERR_CLOSED || p2p_clock_ms() >= member->deadline_ms;
}

static void on_end(void *arg, const struct p2p_err *err) {
  struct p2p_member *member = arg;
  if (member->joined && p2p_clock_ms() - member->joined_at_ms >= STEADY_MS) member->attempts = 0;
  member->joined = false;
  if (member->connection != NULL) member->dropped += p2p_connection_dropped(member->connection);
  p2p_connection_free(member->connection);
  member->connection = NULL;
  report_dropped(member);
  if (is_final(member, err->code)) {
    member->callbacks.on_failed(member->arg, err);
    return;
  }
  uint32_t pause_ms =
      p2p_backoff_pause_ms(&BACKOFF, member->attempts++, p2p_random_below(UINT32_MAX));
  p2p_timer_start(member->timer, pause_ms, 0);
  if (member->was_joined) member->callbacks.on_disconnected(member->arg, err, pause_ms);
}

static int join(struct p2p_member *member, struct p2p_err *err) {
  static const struct p2p_connection_callbacks callbacks = {on_hello, on_joined, on_line,
                                                            on_dropped, on_end};
  uint64_t now = p2p_clock_ms();
  uint32_t left_ms = member->was_joined || now >= member->deadline_ms
                         ? member->timeout_ms
                         : (uint32_t)(member->deadline_ms - now);
  struct p2p_connection_request request = {.loop = member->loop,
                                           .address = &member->address,
                                           .cluster = member->has_cluster ? &member->cluster : NULL,
                                           .role = member->role,
                                           .access = member->access,
                                           .timeout_ms = left_ms};
  return p2p_connection_new(&request, &callbacks, member, &member->connection, err);
}

static void on_timer(void *arg) {
  struct p2p_member *member = arg;
  struct p2p_err err;
  if (join(member, &err) != P2P_OK) on_end(member, &err);
}

/* ---- the member ---- */

static int read_users(const struct p2p_member_config *config, struct p2p_member *member,
                      struct p2p_err *err) {
  size_t used = 0;
  for (size_t i = 0; i < config->n_users; i++) {
    const char *user = config->users[i];
    if (!p2p_user_is_valid(user)) {
      return p2p_err_because(err, "member_name",
                             p2p_err_set(err, P2P_ERR_INVALID, "'%.80s' is not a user name",
                                         user == NULL ? "" : user));
    }
    int length = snprintf(member->access + used, sizeof member->access - used, "%s%s",
                          used == 0 ? "" : ",", user);
    if (length < 0 || (size_t)length >= sizeof member->access - used) {
      return p2p_err_set(err, P2P_ERR_TOO_LARGE,
                         "the names of the users have more than %d characters in all", ACCESS_MAX);
    }
    used += (size_t)length;
  }
  return P2P_OK;
}

static int read_config(const struct p2p_member_config *config, struct p2p_member *member,
                       struct p2p_err *err) {
  member->loop = config->loop;
  member->role = config->role;
  member->log = config->log;
  member->timeout_ms = config->timeout_ms == 0 ? TIMEOUT_MS : config->timeout_ms;
  member->deadline_ms = p2p_clock_ms() + member->timeout_ms;
  member->has_cluster = config->board.cluster != NULL;
  int code = p2p_address_parse(config->board.host, config->board.ssh_args, config->board.n_ssh_args,
                               &member->address, err);
  if (code == P2P_OK && member->has_cluster)
    code = p2p_cluster_parse(config->board.cluster, &member->cluster, err);
  if (code == P2P_OK) code = read_users(config, member, err);
  if (code == P2P_OK && p2p_crypto_init() != P2P_OK) {
    code = p2p_err_set(err, P2P_ERR_CRYPTO, "the cryptographic library cannot be started");
  }
  if (code == P2P_OK) draw_hex(P2P_IDENTITY_ID_BYTES, member->identity.id);
  return code;
}

int p2p_member_new(const struct p2p_member_config *config,
                   const struct p2p_member_callbacks *callbacks, void *arg, struct p2p_member **out,
                   struct p2p_err *err) {
  struct p2p_member *member = calloc(1, sizeof *member);
  if (member == NULL) return p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
  member->callbacks = *callbacks;
  member->arg = arg;
  int code = read_config(config, member, err);
  if (code == P2P_OK) {
    member->timer = p2p_timer_new(config->loop, on_timer, member);
    member->report_timer = p2p_timer_new(config->loop, report_dropped, member);
    if (config->board.credentials != NULL)
      member->sealer = p2p_line_sealer_new(config->board.credentials);
    bool is_complete = member->timer != NULL && member->report_timer != NULL &&
                       (config->board.credentials == NULL || member->sealer != NULL);
    code = !is_complete ? p2p_err_set(err, P2P_ERR_MEMORY, "out of memory") : join(member, err);
  }
  if (code != P2P_OK) {
    p2p_member_free(member);
    return code;
  }
  *out = member;
  return P2P_OK;
}

static void destroy(void *arg) {
  struct p2p_member *member = arg;
  p2p_line_sealer_free(member->sealer);
  free(member);
}

void p2p_member_free(struct p2p_member *member) {
  if (member == NULL) return;
  if (member->report_timer != NULL) report_dropped(member);
  p2p_connection_free(member->connection);
  p2p_timer_free(member->timer);
  p2p_timer_free(member->report_timer);
  member->is_freed = true;
  member->free_post = (struct p2p_post){.fn = destroy, .arg = member};
  p2p_loop_defer(member->loop, &member->free_post);
}

const char *p2p_member_user(const struct p2p_member *member) { return member->user; }
const char *p2p_member_name(const struct p2p_member *member) { return member->identity.name; }
const struct p2p_identity *p2p_member_identity(const struct p2p_member *member) {
  return &member->identity;
}
const char *p2p_member_cluster(const struct p2p_member *member) { return member->cluster_name; }
const char *p2p_member_hosted(const struct p2p_member *member) {
  return member->connection == NULL ? "" : p2p_connection_hosted(member->connection);
}
const char *p2p_member_mailbox(const struct p2p_member *member) { return member->services.mailbox; }
const char *p2p_member_relay(const struct p2p_member *member) { return member->services.relay; }
const char *p2p_member_unknown_users(const struct p2p_member *member) {
  return p2p_connection_unknown_users(member->connection);
}

const struct p2p_credentials *p2p_member_credentials(const struct p2p_member *member) {
  return member->sealer == NULL ? NULL : p2p_line_sealer_credentials(member->sealer);
}

uint64_t p2p_member_dropped(const struct p2p_member *member) {
  return member->dropped +
         (member->connection == NULL ? 0 : p2p_connection_dropped(member->connection));
}
