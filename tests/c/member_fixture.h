/* Members of clusters on a board of our own, with the accounts alice, bob and carol. Tests include
 * this file once, and run a_board_opens first. */
#ifndef P2P_TESTS_MEMBER_FIXTURE_H
#define P2P_TESTS_MEMBER_FIXTURE_H

#include "board/cluster_host.h"
#include "board/member.h"
#include "board/ssh.h"
#include "server/server.h"
#include "sshd_fixture.h"

static struct site site;
static struct site_gate gate = SITE_GATE;
static struct p2p_loop *loop;
static struct p2p_server *server;
static struct p2p_log_queue *log_queue; /* of the server */
static char board[32];
static char users[4096];

static void start_server(uint16_t port) {
  struct p2p_err err = {0};
  struct p2p_server_config config = {.loop = loop,
                                     .address = "127.0.0.1",
                                     .board_port = port,
                                     .host_key = site_path(&site, "host_key"),
                                     .users = users};
  CHECK(p2p_server_new(&config, log_queue, &server, &err) == P2P_OK);
  if (err.code != P2P_OK) fprintf(stderr, "%s\n", err.message);
  site.port = p2p_server_board_port(server);
  snprintf(board, sizeof board, "127.0.0.1:%u", site.port);
}

static void add_user(const char *user) {
  char key[1024];
  site_key(&site, user, "");
  site_public_key(&site, user, key, sizeof key);
  size_t used = strlen(users);
  snprintf(users + used, sizeof users - used, "%s %s\n", user, key);
}

TEST(a_board_opens) {
  site_open(&site);
  add_user("alice");
  add_user("bob");
  add_user("carol");
  site_key(&site, "stranger", "");
  CHECK(p2p_loop_start(&loop, NULL) == P2P_OK);
  log_queue = p2p_log_queue_new(100);
  start_server(0);
  site_write(&site, "known_hosts", "[127.0.0.1]:%u %s\n", site.port, p2p_server_host_key(server));
}

/* ---- one member ---- */

struct participant {
  struct p2p_member_config config;
  void (*on_expelled)(void *arg, const struct p2p_sign_public *devices, size_t n);
  struct p2p_member *member;
  const char *args[8];
  struct p2p_err err, first_away;
  int code, joined, away, failed, heard, left;
  enum { NO_EVENT, HELLO, JOINED, LINE, DISCONNECTED, FAILED } free_in; /* leaves in it */
  const char *note; /* of the line that send_note() sends */
  char notes[512];
  char hellos[256]; /* the types of the hellos that arrived */
};

static void leave(void *arg) {
  struct participant *participant = arg;
  p2p_member_free(participant->member);
  participant->member = NULL;
}

static void leave_within(struct participant *participant, int event) {
  if ((int)participant->free_in != event) return;
  CHECK(participant->left == 0);
  leave(participant);
  site_count(&gate, &participant->left);
}

static void on_hello(void *arg, struct p2p_hello_line *hello) {
  leave_within(arg, HELLO);
  hello->slots = 2;
  snprintf(hello->r_version, sizeof hello->r_version, "4.2.2");
  snprintf(hello->future_version, sizeof hello->future_version, "1.70.0");
}

static void on_joined(void *arg) {
  struct participant *participant = arg;
  leave_within(participant, JOINED);
  site_count(&gate, &participant->joined);
}

static void on_line(void *arg, const struct p2p_line *line) {
  struct participant *participant = arg;
  const char *note = p2p_line_get(line, "note"), *type = p2p_line_get(line, "type");
  if (note != NULL)
    strncat(participant->notes, note, sizeof participant->notes - strlen(participant->notes) - 1);
  if (p2p_line_get(line, "r") != NULL)
    strncat(participant->hellos, type,
            sizeof participant->hellos - strlen(participant->hellos) - 1);
  leave_within(participant, LINE);
  if (note != NULL) site_count(&gate, &participant->heard);
}

static void on_away(void *arg, const struct p2p_err *err, uint32_t retry_ms) {
  struct participant *participant = arg;
  CHECK(err->message[0] != '\0' && retry_ms <= 30000);
  if (participant->away == 0) participant->first_away = *err;
  participant->err = *err;
  leave_within(participant, DISCONNECTED);
  site_count(&gate, &participant->away);
}

static void on_failed(void *arg, const struct p2p_err *err) {
  struct participant *participant = arg;
  participant->err = *err;
  leave_within(participant, FAILED);
  site_count(&gate, &participant->failed);
}

static void on_expelling(void *arg, const struct p2p_sign_public *devices, size_t n) {
  struct participant *participant = arg;
  if (participant->on_expelled != NULL) participant->on_expelled(arg, devices, n);
}

static void come(void *arg) {
  static const struct p2p_member_callbacks callbacks = {on_hello, on_joined, on_line,
                                                        on_away,  on_failed, on_expelling};
  struct participant *participant = arg;
  participant->code = p2p_member_new(&participant->config, &callbacks, participant,
                                     &participant->member, &participant->err);
}

static void send_note(void *arg) {
  struct participant *participant = arg;
  struct p2p_line line;
  CHECK(p2p_line_begin(&line, "note", p2p_member_identity(participant->member), time(NULL), 10) ==
        P2P_OK);
  CHECK(p2p_line_put(&line, "note", participant->note) == P2P_OK);
  CHECK(p2p_member_send(participant->member, &line) == P2P_OK);
}

static void say(struct participant *participant, const char *note) {
  participant->note = note;
  CHECK(p2p_loop_call(loop, send_note, participant) == P2P_OK);
}

static char keys[8][160], known_hosts[256];

/* A configuration with the key in the file `key` of the site. */
static void configure(struct p2p_member_config *config, const char **args, const char *key,
                      const char *cluster, enum p2p_role role) {
  static unsigned next;
  char *file = keys[next++ % 8];
  snprintf(file, sizeof keys[0], "%s", site_path(&site, key));
  snprintf(known_hosts, sizeof known_hosts, "UserKnownHostsFile=%s",
           site_path(&site, "known_hosts"));
  const char *all[] = {"-i", file, "-o", "IdentitiesOnly=yes", "-o", known_hosts};
  memcpy(args, all, sizeof all);
  *config = (struct p2p_member_config){.loop = loop,
                                       .board.host = board,
                                       .board.ssh_args = args,
                                       .board.n_ssh_args = 6,
                                       .board.cluster = cluster,
                                       .role = role};
}

static void start(struct participant *participant, const char *key, const char *cluster,
                  enum p2p_role role) {
  memset(participant, 0, sizeof *participant);
  configure(&participant->config, participant->args, key, cluster, role);
}

static void go(struct participant *participant) {
  CHECK(p2p_loop_call(loop, come, participant) == P2P_OK);
  CHECK(participant->code == P2P_OK);
  if (participant->code != P2P_OK) fprintf(stderr, "%s\n", participant->err.message);
}

static void expect_joined(struct participant *participant) {
  go(participant);
  CHECK(site_wait(&gate, &participant->joined, 1));
  if (participant->failed) fprintf(stderr, "%s\n", participant->err.message);
}

static inline void expect_failed(struct participant *participant, int code, const char *message) {
  go(participant);
  CHECK(site_wait(&gate, &participant->failed, 1));
  CHECK(participant->joined == 0 && participant->err.code == code);
  CHECK(strstr(participant->err.message, message) != NULL);
  if (strstr(participant->err.message, message) == NULL)
    fprintf(stderr, "%d %s\n", participant->err.code, participant->err.message);
  CHECK(p2p_loop_call(loop, leave, participant) == P2P_OK);
}

static void stop(struct participant *participant) {
  CHECK(p2p_loop_call(loop, leave, participant) == P2P_OK);
}

/* ---- a host ---- */

struct hosting {
  struct p2p_member_config config;
  const char *args[8];
  struct p2p_log_queue *log;
  struct p2p_cluster_host *host;
};

static void host_configure(struct hosting *hosting, const char *key, const char *cluster,
                           const char *const *sessions, size_t n) {
  configure(&hosting->config, hosting->args, key, cluster, P2P_ROLE_HOST);
  hosting->config.users = sessions;
  hosting->config.n_users = n;
}

static void host_go(struct hosting *hosting) {
  hosting->log = p2p_log_queue_new(200);
  CHECK(p2p_cluster_host_new(&hosting->config, hosting->log, &hosting->host, NULL) == P2P_OK);
}

static inline void host_start(struct hosting *hosting, const char *key, const char *cluster,
                              const char *const *sessions, size_t n) {
  host_configure(hosting, key, cluster, sessions, n);
  host_go(hosting);
}

/* Checks the next log line above DEBUG. */
static void expect_log(struct hosting *hosting, enum p2p_log_level level, int code,
                       const char *message) {
  struct p2p_log_line event = {0};
  while (p2p_log_queue_next(hosting->log, SITE_WAIT_MS, &event) && event.level == P2P_LOG_DEBUG)
    continue;
  CHECK(event.level == level && event.code == code);
  CHECK(strstr(event.text, message) != NULL);
  if (strstr(event.text, message) == NULL)
    fprintf(stderr, "%d %d %s\n", event.level, event.code, event.text);
}

static void host_stop(struct hosting *hosting) {
  p2p_cluster_host_free(hosting->host);
  p2p_log_queue_unref(hosting->log);
}

static const char *const bob_alone[] = {"bob"};

static inline void host_friends(struct hosting *hosting) {
  char message[128];
  snprintf(message, sizeof message, "hosting cluster 'alice/friends' for bob on '%s'", board);
  host_start(hosting, "alice", "alice/friends", bob_alone, 1);
  expect_log(hosting, P2P_LOG_INFO, 0, message);
}

TEST(the_board_closes) {
  p2p_server_free(server);
  p2p_loop_stop(loop);
  p2p_log_queue_unref(log_queue);
  site_close(&site);
}

#endif
