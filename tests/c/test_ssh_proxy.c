/* SSH through an HTTP proxy: only the proxy knows the host name of the board. */
#include "board/member.h"
#include "proxy_fixture.h"
#include "server/server.h"
#include "sshd_fixture.h"

static struct site site;
static struct lab lab;
static struct fake_proxy proxy;
static struct p2p_server *server;
static char board[64], direct[64];

struct actor {
  struct p2p_member_config config;
  struct p2p_member *member;
  struct p2p_err err;
  int code, joined, failed;
};

static void on_joined(void *arg) { lab_tell(&lab, &((struct actor *)arg)->joined); }
static void on_line(void *arg, const struct p2p_line *line) { (void)arg, (void)line; }
static void on_away(void *arg, const struct p2p_err *err, uint32_t retry_ms) {
  (void)arg, (void)err, (void)retry_ms;
}
static void on_failed(void *arg, const struct p2p_err *err) {
  struct actor *actor = arg;
  actor->err = *err;
  lab_tell(&lab, &actor->failed);
}

static void come(void *arg) {
  static const struct p2p_member_callbacks callbacks = {NULL,    on_joined, on_line,
                                                        on_away, on_failed, NULL};
  struct actor *actor = arg;
  actor->code = p2p_member_new(&actor->config, &callbacks, actor, &actor->member, &actor->err);
}

static void leave(void *arg) { p2p_member_free(((struct actor *)arg)->member); }

/* Alice comes to her own cluster at `host`. */
static void come_to(struct actor *actor, const char *host, uint32_t timeout_ms) {
  static char key[160], known_hosts[200];
  static const char *args[] = {"-F", "none",     "-i", key, "-o", "IdentitiesOnly=yes",
                               "-o", known_hosts};
  snprintf(key, sizeof key, "%s", site_path(&site, "alice"));
  snprintf(known_hosts, sizeof known_hosts, "UserKnownHostsFile=%s",
           site_path(&site, "known_hosts"));
  memset(actor, 0, sizeof *actor);
  actor->config = (struct p2p_member_config){.loop = lab.loop,
                                             .board.host = host,
                                             .board.ssh_args = args,
                                             .board.n_ssh_args = sizeof args / sizeof args[0],
                                             .role = P2P_ROLE_CLIENT,
                                             .timeout_ms = timeout_ms};
  CHECK(p2p_loop_call(lab.loop, come, actor) == P2P_OK && actor->code == P2P_OK);
}

static void joins(const char *host) {
  struct actor actor;
  come_to(&actor, host, FAKE_PROXY_WAIT_MS);
  CHECK(lab_wait(&lab, &actor.joined, 1, FAKE_PROXY_WAIT_MS));
  if (actor.failed) fprintf(stderr, "(%s)\n", actor.err.message);
  CHECK(p2p_loop_call(lab.loop, leave, &actor) == P2P_OK);
}

static void fails_with(uint32_t timeout_ms, const char *words) {
  struct actor actor;
  come_to(&actor, board, timeout_ms);
  CHECK(lab_wait(&lab, &actor.failed, 1, FAKE_PROXY_WAIT_MS));
  CHECK(actor.joined == 0 && strstr(actor.err.message, words) != NULL);
  if (strstr(actor.err.message, words) == NULL) fprintf(stderr, "(%s)\n", actor.err.message);
  CHECK(p2p_loop_call(lab.loop, leave, &actor) == P2P_OK);
}

TEST(a_board_and_a_proxy_open) {
  char key[1024], users[1100];
  site_open(&site);
  lab_open(&lab);
  site_key(&site, "alice", "");
  site_public_key(&site, "alice", key, sizeof key);
  snprintf(users, sizeof users, "alice %s\n", key);
  struct p2p_server_config config = {.loop = lab.loop,
                                     .address = "127.0.0.1",
                                     .host_key = site_path(&site, "host_key"),
                                     .users = users};
  CHECK(p2p_server_new(&config, lab.log, &server, NULL) == P2P_OK);
  uint16_t port = p2p_server_board_port(server);
  snprintf(board, sizeof board, "inside.invalid:%u", port);
  snprintf(direct, sizeof direct, "127.0.0.1:%u", port);
  site_write(&site, "known_hosts", "[inside.invalid]:%u,[127.0.0.1]:%u %s\n", port, port,
             p2p_server_host_key(server));
}

TEST(a_member_joins_through_the_proxy) {
  proxy.lab = &lab;
  fake_proxy_use(&proxy, "127.0.0.1");
  joins(board);
  CHECK(proxy.n_requests > 0);
}

TEST(an_excepted_host_is_connected_directly) {
  int asked = proxy.n_requests;
  joins(direct);
  CHECK(proxy.n_requests == asked);
}

TEST(a_proxy_that_refuses_or_does_not_answer_is_named_in_time) {
  char words[128];
  proxy.reply = "HTTP/1.1 403 Forbidden\r\n\r\n";
  fails_with(FAKE_PROXY_WAIT_MS, "the proxy refused the connection: 403 Forbidden");
  proxy.reply = "HTTP/1.1 200";
  snprintf(words, sizeof words, "through the proxy %s", proxy.url + 7);
  fails_with(500, words);
  CHECK(p2p_loop_call(lab.loop, fake_proxy_close, &proxy) == P2P_OK);
  fails_with(FAKE_PROXY_WAIT_MS, words);
}

TEST(the_board_closes) {
  p2p_server_free(server);
  lab_close(&lab);
  site_close(&site);
}

UNIT_MAIN("ssh_proxy", UNIT(a_board_and_a_proxy_open), UNIT(a_member_joins_through_the_proxy),
          UNIT(an_excepted_host_is_connected_directly),
          UNIT(a_proxy_that_refuses_or_does_not_answer_is_named_in_time), UNIT(the_board_closes))
