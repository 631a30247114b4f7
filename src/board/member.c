/* A member of a cluster's topic: one connection (connection.c) after the other, with growing delays
 * between them. */
#include "board/member.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/backoff.h"
#include "base/clock.h"
#include "base/encode.h"
#include "board/connection.h"
#include "board/key_notices.h"
#include "board/member_keys.h"
#include "board/own_name.h"
#include "board/whoami.h"
#include "crypto/random.h"
#include "net/timer.h"
#include "protocol/certified_line.h"

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
  bool is_reporting;               /* report_timer runs */
  uint64_t reported;               /* dropped lines */
  uint64_t hellos;                 /* so far */
  struct p2p_key_notices *notices; /* reads all lines, and counts those that are not opened */
  struct p2p_member_keys *keys;    /* NULL: clusters without a key only */
  char user[P2P_USER_MAX];
  struct p2p_identity identity; /* the id from the start, the name once connected */
  char cluster_name[P2P_CLUSTER_MAX];
  struct p2p_services services;
  bool is_freed;             /* p2p_member_free was called */
  struct p2p_post free_post; /* frees the memory after the callbacks that are running */
};

/* ---- lines ---- */

/* Writes random bytes in hex. */
static void draw_hex(size_t n_bytes, char *out) {
  uint8_t bytes[P2P_IDENTITY_ID_BYTES];
  p2p_random_bytes(bytes, n_bytes);
  p2p_hex_encode(bytes, n_bytes, out);
}

/* The id tells this hello from all others. In a cluster with a key, that of a worker shows whose it
 * is. */
static int write_hello(struct p2p_member *member, struct p2p_line *out) {
  struct p2p_hello_line hello = {.role = member->role};
  draw_hex(HELLO_ID_BYTES, hello.id);
  hello.from = member->identity;
  if (member->callbacks.on_hello != NULL) member->callbacks.on_hello(member->arg, &hello);
  int code = p2p_hello_line_write(out, &hello, time(NULL));
  const struct p2p_credentials *credentials = p2p_member_credentials(member);
  if (code != P2P_OK || member->role != P2P_ROLE_WORKER || credentials == NULL) return code;
  return p2p_certified_line_sign(out, credentials, ++member->hellos);
}

/* Replaces *line by the line in a box, where the cluster has a key. */
static int seal(struct p2p_member *member, const struct p2p_line **line, struct p2p_line *sealed) {
  if (member->keys == NULL) return P2P_OK;
  int code = p2p_member_keys_seal(member->keys, *line, sealed);
  if (code == P2P_OK) *line = sealed;
  return code == P2P_ERR_CANCELED ? P2P_OK : code;
}

int p2p_member_send(struct p2p_member *member, const struct p2p_line *line) {
  struct p2p_line sealed;
  if (!member->joined) return P2P_ERR_CLOSED;
  int code = seal(member, &line, &sealed);
  return code == P2P_OK ? p2p_connection_send(member->connection, line) : code;
}

int p2p_member_send_hello(struct p2p_member *member) {
  struct p2p_line hello;
  if (!member->joined) return P2P_ERR_CLOSED;
  int code = write_hello(member, &hello);
  return code == P2P_OK ? p2p_member_send(member, &hello) : code;
}

/* ---- one connection ---- */

/* A newcomer asks for the key in plain text; others send a hello. */
static int write_first(struct p2p_member *member, struct p2p_line *out) {
  struct p2p_line plain;
  if (member->keys != NULL && p2p_member_keys_is_newcomer(member->keys))
    return p2p_member_keys_write_enrol(member->keys,
                                       p2p_connection_has_attested(member->connection), out);
  bool is_sealed = p2p_member_credentials(member) != NULL;
  int code = write_hello(member, is_sealed ? &plain : out);
  if (code != P2P_OK || !is_sealed || member->is_freed) return code;
  return p2p_member_keys_seal(member->keys, &plain, out);
}

static void on_hello(void *arg, struct p2p_line *hello) {
  struct p2p_member *member = arg;
  const struct p2p_cluster *cluster = p2p_connection_cluster(member->connection);
  p2p_own_name(member->user, member->identity.name);
  snprintf(member->cluster_name, sizeof member->cluster_name, "%s/%s", cluster->owner,
           cluster->name);
  member->services = *p2p_connection_services(member->connection);
  int code = write_first(member, hello);
  if (code != P2P_OK && !member->is_freed)
    p2p_line_init(hello); /* freed: in the owner's on_hello */
}

/* The member can speak. */
static void announce(struct p2p_member *member) {
  member->joined = member->was_joined = true;
  member->joined_at_ms = p2p_clock_ms();
  member->callbacks.on_joined(member->arg);
}

static uint32_t left_ms(const struct p2p_member *member) {
  uint64_t now = p2p_clock_ms();
  return member->was_joined || now >= member->deadline_ms ? member->timeout_ms
                                                          : (uint32_t)(member->deadline_ms - now);
}

static void on_joined(void *arg) {
  struct p2p_member *member = arg;
  bool is_newcomer = member->keys != NULL && p2p_member_keys_is_newcomer(member->keys);
  if (member->keys != NULL)
    p2p_member_keys_connect(member->keys, member->connection, left_ms(member));
  if (!is_newcomer) announce(member);
}

static void start_report(struct p2p_member *member) {
  if (!member->is_reporting) p2p_timer_start(member->report_timer, REPORT_AFTER_MS, 0);
  member->is_reporting = true;
}

static void on_line(void *arg, const struct p2p_line *line) {
  struct p2p_member *member = arg;
  struct p2p_line opened;
  int code =
      member->keys == NULL ? P2P_ERR_CANCELED : p2p_member_keys_open(member->keys, line, &opened);
  if (member->is_freed) return;
  if (code == P2P_OK) line = &opened;
  const char *sender = p2p_line_get(line, "member");
  if (sender != NULL && strcmp(sender, member->identity.id) == 0) return; /* an echo */
  p2p_key_notices_hear(member->notices, line, p2p_member_credentials(member) != NULL, code);
  if (code == P2P_OK || code == P2P_ERR_CANCELED)
    member->callbacks.on_line(member->arg, line);
  else if (code != P2P_ERR_CLOSED)
    start_report(member);
}

static void report_dropped(void *arg) {
  struct p2p_member *member = arg;
  uint64_t dropped = p2p_member_dropped(member), n = dropped - member->reported;
  member->is_reporting = false;
  p2p_timer_stop(member->report_timer);
  p2p_key_notices_report(member->notices);
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
  p2p_key_notices_restart(member->notices);
  if (member->keys != NULL) p2p_member_keys_disconnect(member->keys);
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

static void on_user(void *arg) {
  struct p2p_member *member = arg;
  const char *user = p2p_connection_user(member->connection);
  struct p2p_err err;
  int code = p2p_whoami_check(member->user, user, member->address.host, &err);
  if (code == P2P_OK) snprintf(member->user, sizeof member->user, "%s", user);
  if (code != P2P_OK)
    on_end(member, &err);
  else if (member->keys == NULL)
    p2p_connection_resume(member->connection, NULL);
  else
    p2p_member_keys_prepare(member->keys, p2p_connection_user(member->connection),
                            p2p_connection_cluster(member->connection));
}

static int join(struct p2p_member *member, struct p2p_err *err) {
  static const struct p2p_connection_callbacks callbacks = {on_user, on_hello,   on_joined,
                                                            on_line, on_dropped, on_end};
  struct p2p_connection_request request = {.loop = member->loop,
                                           .address = &member->address,
                                           .cluster = member->has_cluster ? &member->cluster : NULL,
                                           .role = member->role,
                                           .access = member->access,
                                           .timeout_ms = left_ms(member)};
  return p2p_connection_new(&request, &callbacks, member, &member->connection, err);
}

static void on_timer(void *arg) {
  struct p2p_member *member = arg;
  struct p2p_err err;
  if (join(member, &err) != P2P_OK) on_end(member, &err);
}

/* ---- its keys ---- */

static void on_keys_ready(void *arg) {
  struct p2p_member *member = arg;
  if (member->connection != NULL)
    p2p_connection_resume(member->connection, p2p_member_keys_device(member->keys));
}

/* The first hello of a member that was a newcomer. */
static void on_enrolled(void *arg) {
  struct p2p_member *member = arg;
  member->joined = true;
  (void)p2p_member_send_hello(member);
  if (!member->is_freed) announce(member);
}

static void on_renewed(void *arg) {
  if (p2p_member_send_hello(arg) != P2P_OK)
    return; /* disconnected: it says hello when it is back */
}

static struct p2p_key_notices *new_notices(struct p2p_member *member) {
  const struct p2p_key_notices_config config = {.loop = member->loop,
                                                .log = member->log,
                                                .role = member->role,
                                                .cluster = member->cluster_name,
                                                .say_hello = on_renewed,
                                                .arg = member};
  return p2p_key_notices_new(&config);
}

static void on_expelled(void *arg, const struct p2p_sign_public *devices, size_t n) {
  struct p2p_member *member = arg;
  if (member->callbacks.on_expelled != NULL) member->callbacks.on_expelled(member->arg, devices, n);
}

static void on_no_key(void *arg, const struct p2p_err *err) {
  struct p2p_member *member = arg;
  const struct p2p_err copy = *err;
  member->joined = false;
  p2p_timer_stop(member->timer);
  p2p_member_keys_disconnect(member->keys);
  p2p_connection_free(member->connection);
  member->connection = NULL;
  member->callbacks.on_failed(member->arg, &copy);
}

static int start_keys(const struct p2p_member_config *config, struct p2p_member *member,
                      struct p2p_err *err) {
  static const struct p2p_member_keys_callbacks callbacks = {on_keys_ready, on_enrolled, on_renewed,
                                                             on_expelled, on_no_key};
  const struct p2p_member_keys_config keys = {.loop = config->loop,
                                              .log = config->log,
                                              .role = config->role,
                                              .address = &member->address,
                                              .has_cluster = member->has_cluster,
                                              .folder = config->board.keys,
                                              .from = &member->identity,
                                              .users = member->access,
                                              .is_keyless = config->is_keyless,
                                              .is_invite_only = config->is_invite_only,
                                              .credentials = config->board.credentials};
  if (keys.folder == NULL && keys.credentials == NULL) return P2P_OK;
  return p2p_member_keys_new(&keys, &callbacks, member, &member->keys, err);
}

/* ---- the member ---- */

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
  if (code == P2P_OK)
    code =
        p2p_users_join(config->users, config->n_users, member->access, sizeof member->access, err);
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
    member->notices = new_notices(member);
    bool is_complete =
        member->timer != NULL && member->report_timer != NULL && member->notices != NULL;
    code = is_complete ? start_keys(config, member, err)
                       : p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
  }
  if (code == P2P_OK) code = join(member, err);
  if (code != P2P_OK) {
    p2p_member_free(member);
    return code;
  }
  *out = member;
  return P2P_OK;
}

void p2p_member_free(struct p2p_member *member) {
  if (member == NULL) return;
  if (member->notices != NULL && member->report_timer != NULL) report_dropped(member);
  p2p_member_keys_free(member->keys);
  p2p_key_notices_free(member->notices);
  p2p_connection_free(member->connection);
  p2p_timer_free(member->timer);
  p2p_timer_free(member->report_timer);
  member->is_freed = true;
  member->free_post = (struct p2p_post){.fn = free, .arg = member};
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
  return member->keys == NULL ? NULL : p2p_member_keys_credentials(member->keys);
}

uint64_t p2p_member_dropped(const struct p2p_member *member) {
  return member->dropped +
         (member->connection == NULL ? 0 : p2p_connection_dropped(member->connection));
}
