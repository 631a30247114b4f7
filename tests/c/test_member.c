/* Members of a cluster on our own board: access, errors and reconnecting. */
#include "board/whoami.h"
#include "member_fixture.h"

TEST(owner_and_another_user_join_a_hosted_cluster) {
  struct hosting hosting;
  struct participant bob, alice;
  char place[128];
  host_friends(&hosting);
  start(&bob, "bob", "alice/friends", P2P_ROLE_WORKER);
  start(&alice, "alice", "alice/friends", P2P_ROLE_CLIENT);
  expect_joined(&bob);
  CHECK_STR(p2p_member_user(bob.member), "bob");
  CHECK_STR(p2p_member_cluster(bob.member), "alice/friends");
  CHECK(strncmp(p2p_member_name(bob.member), "bob@", 4) == 0);
  snprintf(place, sizeof place, "ws://127.0.0.1:%u/v1", p2p_server_mailbox_port(server));
  CHECK_STR(p2p_member_mailbox(bob.member), place);
  snprintf(place, sizeof place, "tcp:127.0.0.1:%u", p2p_server_relay_port(server));
  CHECK_STR(p2p_member_relay(bob.member), place);

  expect_joined(&alice);
  say(&alice, "ping");
  CHECK(site_wait(&gate, &bob.heard, 1));
  say(&bob, "pong");
  CHECK(site_wait(&gate, &alice.heard, 1));
  CHECK_STR(bob.notes, "ping");
  CHECK_STR(alice.notes, "pong"); /* not its own */
  CHECK_STR(bob.hellos, "client");
  CHECK(p2p_member_dropped(bob.member) == 0);
  stop(&alice);
  stop(&bob);
  host_stop(&hosting);
}

TEST(a_user_without_access_gets_an_error) {
  struct hosting hosting;
  struct participant carol;
  host_friends(&hosting);
  start(&carol, "carol", "alice/friends", P2P_ROLE_WORKER);
  expect_failed(&carol, P2P_ERR_ACCESS,
                "no access to cluster 'alice/friends' on '127.0.0.1': it is not hosted, or 'carol' "
                "is not among its users");
  host_stop(&hosting);
}

TEST(a_cluster_without_a_host_is_an_error_for_owner_and_others) {
  struct participant bob, alice;
  struct hosting hosting;
  start(&bob, "bob", "alice/friends", P2P_ROLE_CLIENT);
  expect_failed(&bob, P2P_ERR_ACCESS, "it is not hosted, or");
  start(&alice, "alice", "alice/friends", P2P_ROLE_WORKER);
  expect_failed(&alice, P2P_ERR_ACCESS, "is not hosted");
  host_friends(&hosting); /* the owner's attempt did not open the topic */
  host_stop(&hosting);
}

TEST(only_the_owner_hosts) {
  struct hosting hosting;
  host_start(&hosting, "bob", "alice/friends", bob_alone, 1);
  expect_log(&hosting, P2P_LOG_FATAL, P2P_ERR_ACCESS, "only 'alice' can host");
  host_stop(&hosting);
}

TEST(a_second_host_with_other_users_is_an_error) {
  static const char *const others[] = {"bob", "carol"};
  struct hosting first, second;
  host_friends(&first);
  host_start(&second, "alice", "alice/friends", others, 2);
  expect_log(&second, P2P_LOG_FATAL, P2P_ERR_ACCESS, "without access for 'carol'");
  host_stop(&second);
  host_stop(&first);
}

static void ready(void *arg);
struct session {
  struct p2p_address address;
  struct p2p_ssh *ssh;
  struct p2p_ssh_command *pipe;
  int started, closed;
};
static void pipe_start(void *arg) { site_count(&gate, &((struct session *)arg)->started); }
static void pipe_output(void *arg, const char *bytes, size_t length) {
  (void)arg;
  (void)bytes;
  (void)length;
}
static void pipe_end(void *arg, int status) {
  (void)arg;
  (void)status;
}
static void closed(void *arg, const struct p2p_err *err) {
  (void)err;
  site_count(&gate, &((struct session *)arg)->closed);
}
static void ready(void *arg) {
  static const struct p2p_ssh_command_callbacks callbacks = {pipe_start, pipe_output, pipe_end};
  struct session *session = arg;
  CHECK(p2p_ssh_run(session->ssh, "pipe friends/future.p2p", &callbacks, session, &session->pipe,
                    NULL) == P2P_OK);
}
static void visit_go(void *arg) {
  static const struct p2p_ssh_callbacks callbacks = {ready, closed};
  struct session *session = arg;
  const struct p2p_ssh_request request = {loop, &session->address, 10000};
  CHECK(p2p_ssh_connect(&request, &callbacks, session, &session->ssh, NULL) == P2P_OK);
}
static void visit_leave(void *arg) { p2p_ssh_free(((struct session *)arg)->ssh); }

TEST(a_host_of_a_topic_in_use_is_an_error) {
  struct p2p_member_config config;
  const char *args[8];
  struct session session = {0};
  struct hosting hosting;
  configure(&config, args, "alice", NULL, P2P_ROLE_CLIENT);
  CHECK(p2p_address_parse(config.board.host, config.board.ssh_args, config.board.n_ssh_args,
                          &session.address, NULL) == P2P_OK);
  CHECK(p2p_loop_call(loop, visit_go, &session) == P2P_OK);
  CHECK(site_wait(&gate, &session.started, 1));
  host_start(&hosting, "alice", "alice/friends", bob_alone, 1);
  expect_log(&hosting, P2P_LOG_FATAL, P2P_ERR_ACCESS, "uses it without an access list");
  host_stop(&hosting);
  CHECK(p2p_loop_call(loop, visit_leave, &session) == P2P_OK);
}

TEST(a_personal_cluster_needs_no_host) {
  struct participant worker, client;
  start(&worker, "alice", NULL, P2P_ROLE_WORKER);
  start(&client, "alice", "alice/personal", P2P_ROLE_CLIENT);
  expect_joined(&worker);
  CHECK_STR(p2p_member_cluster(worker.member), "alice/personal");
  expect_joined(&client);
  stop(&client);
  stop(&worker);
}

TEST(unknown_keys_unknown_hosts_and_closed_ports_are_errors) {
  struct participant participant;
  char known[1024];
  start(&participant, "stranger", NULL, P2P_ROLE_CLIENT);
  expect_failed(&participant, P2P_ERR_AUTH, "no account on '127.0.0.1'");

  site_read(&site, "known_hosts", known, sizeof known);
  site_write(&site, "known_hosts", "%s", "");
  start(&participant, "alice", NULL, P2P_ROLE_CLIENT);
  expect_failed(&participant, P2P_ERR_HOST_KEY, p2p_server_fingerprint(server));
  char other[1024];
  site_public_key(&site, "stranger", other, sizeof other);
  site_write(&site, "known_hosts", "[127.0.0.1]:%u %s\n", site.port, other);
  start(&participant, "alice", NULL, P2P_ROLE_CLIENT);
  expect_failed(&participant, P2P_ERR_HOST_KEY, "is not the one in");
  site_write(&site, "known_hosts", "%s", known);

  start(&participant, "alice", NULL, P2P_ROLE_CLIENT);
  char nowhere[32];
  snprintf(nowhere, sizeof nowhere, "127.0.0.1:%u", site_free_port());
  participant.config.board.host = nowhere;
  expect_failed(&participant, P2P_ERR_NETWORK, nowhere);
}

TEST(bad_names_and_arguments_are_errors_at_once) {
  struct participant participant;
  static const char *const bad[] = {"bob;rm"};
  start(&participant, "alice", "friends", P2P_ROLE_CLIENT);
  CHECK(p2p_loop_call(loop, come, &participant) == P2P_OK);
  CHECK(participant.code == P2P_ERR_INVALID &&
        strstr(participant.err.message, "owner/name") != NULL);
  start(&participant, "alice", "alice/friends", P2P_ROLE_HOST);
  participant.config.users = bad;
  participant.config.n_users = 1;
  CHECK(p2p_loop_call(loop, come, &participant) == P2P_OK);
  CHECK(participant.code == P2P_ERR_INVALID && strstr(participant.err.message, "bob;rm") != NULL);
  start(&participant, "alice", "alice/friends", P2P_ROLE_CLIENT);
  participant.config.board.host = "a b";
  CHECK(p2p_loop_call(loop, come, &participant) == P2P_OK);
  CHECK(participant.code == P2P_ERR_INVALID);
}

TEST(a_member_can_be_freed_in_each_callback) {
  struct participant members[FAILED + 1], alice;
  struct hosting hosting;
  host_friends(&hosting);
  for (int event = HELLO; event <= FAILED; event++) {
    struct participant *member = &members[event];
    start(member, event == FAILED ? "stranger" : "bob", "alice/friends", P2P_ROLE_WORKER);
    member->free_in = event;
    go(member);
    bool is_to_join = event == LINE || event == DISCONNECTED;
    CHECK(site_wait(&gate, is_to_join ? &member->joined : &member->left, 1));
  }
  start(&alice, "alice", "alice/friends", P2P_ROLE_CLIENT);
  expect_joined(&alice);
  say(&alice, "x");
  CHECK(site_wait(&gate, &members[LINE].left, 1));
  uint16_t port = site.port;
  p2p_server_free(server);
  CHECK(site_wait(&gate, &members[DISCONNECTED].left, 1));
  start_server(port);
  stop(&alice);
  host_stop(&hosting);
}

TEST(all_members_reconnect_when_the_board_restarts) {
  struct hosting hosting;
  struct participant bob, alice;
  host_friends(&hosting);
  start(&bob, "bob", "alice/friends", P2P_ROLE_WORKER);
  start(&alice, "alice", "alice/friends", P2P_ROLE_CLIENT);
  expect_joined(&bob);
  expect_joined(&alice);
  uint16_t port = site.port;
  p2p_server_free(server);
  CHECK(site_wait(&gate, &bob.away, 1));
  CHECK(site_wait(&gate, &alice.away, 1));
  CHECK(strstr(alice.first_away.message, "the board has been stopped") != NULL);
  start_server(port);
  CHECK(site_wait(&gate, &bob.joined, 2));
  CHECK(site_wait(&gate, &alice.joined, 2));
  CHECK(bob.failed == 0 && alice.failed == 0);
  say(&alice, "again");
  CHECK(site_wait(&gate, &bob.heard, 1));
  CHECK_STR(bob.notes, "again");
  stop(&alice);
  stop(&bob);
  host_stop(&hosting);
}

TEST(members_go_on_when_the_host_leaves) {
  struct hosting hosting;
  struct participant bob, alice, late;
  host_friends(&hosting);
  start(&bob, "bob", "alice/friends", P2P_ROLE_WORKER);
  start(&alice, "alice", "alice/friends", P2P_ROLE_CLIENT);
  expect_joined(&bob);
  expect_joined(&alice);
  host_stop(&hosting);
  start(&late, "bob", "alice/friends", P2P_ROLE_CLIENT);
  expect_failed(&late, P2P_ERR_ACCESS, "it is not hosted, or");
  say(&alice, "ping");
  CHECK(site_wait(&gate, &bob.heard, 1));
  CHECK(bob.away == 0 && alice.away == 0);
  stop(&alice);
  stop(&bob);
}

TEST(a_member_that_reconnects_before_the_host_joins_when_it_is_back) {
  struct hosting hosting;
  struct participant bob;
  host_friends(&hosting);
  start(&bob, "bob", "alice/friends", P2P_ROLE_WORKER);
  expect_joined(&bob);
  host_stop(&hosting);
  uint16_t port = site.port;
  p2p_server_free(server);
  start_server(port);
  while (bob.err.code != P2P_ERR_ACCESS && site_wait(&gate, &bob.away, bob.away + 1))
    continue; /* the board is back, the host is not */
  CHECK(bob.err.code == P2P_ERR_ACCESS && bob.failed == 0);
  host_friends(&hosting);
  CHECK(site_wait(&gate, &bob.joined, 2));
  stop(&bob);
  host_stop(&hosting);
}

/* sshd on loopback as a jump host, and a configuration file that both hops read. */
TEST(the_program_ssh_uses_a_jump_host) {
  struct hosting hosting;
  struct participant bob, alice;
  char key[1024], known[1024], config[200], jump[80];
  struct site way = {.sshd = 0};
  snprintf(way.dir, sizeof way.dir, "%s", site.dir);
  site_key(&site, "jump_host", "");
  site_public_key(&site, "bob", key, sizeof key);
  site_write(&site, "authorized_keys", "%s\n", key);
  site_start_sshd(&way, "jump_host");
  site_read(&site, "known_hosts", known, sizeof known);
  site_public_key(&site, "jump_host", key, sizeof key);
  site_write(&site, "known_hosts_2", "%s[127.0.0.1]:%u %s\n", known, way.port, key);
  site_write(
      &site, "config",
      "Host *\nIdentityFile %s\nIdentitiesOnly yes\nIdentityAgent none\nUserKnownHostsFile %s\n",
      site_path(&site, "bob"), site_path(&site, "known_hosts_2"));
  host_friends(&hosting);
  snprintf(config, sizeof config, "%s", site_path(&site, "config"));
  snprintf(jump, sizeof jump, "127.0.0.1:%u", way.port);
  start(&bob, "bob", "alice/friends", P2P_ROLE_WORKER);
  const char *args[] = {"-F", config, "-J", jump};
  memcpy(bob.args, args, sizeof args);
  bob.config.board.n_ssh_args = 4;
  start(&alice, "alice", "alice/friends", P2P_ROLE_CLIENT);
  expect_joined(&bob);
  expect_joined(&alice);
  say(&alice, "ping");
  CHECK(site_wait(&gate, &bob.heard, 1));
  say(&bob, "pong");
  CHECK(site_wait(&gate, &alice.heard, 1));
  stop(&bob);
  stop(&alice);

  site_write(&site, "known_hosts_2", "%s", known); /* without the jump host */
  start(&bob, "bob", "alice/friends", P2P_ROLE_WORKER);
  memcpy(bob.args, args, sizeof args);
  bob.config.board.n_ssh_args = 4;
  expect_failed(&bob, P2P_ERR_HOST_KEY, "or of a jump host, is not in known_hosts");
  host_stop(&hosting);
  site_stop_sshd(&way);
}

struct whoami {
  struct p2p_whoami *account;
  struct p2p_member_config config;
  const char *args[8];
  char user[64];
  int on_user, code;
};

static void on_user(void *arg, const char *user, const struct p2p_err *err) {
  struct whoami *whoami = arg;
  snprintf(whoami->user, sizeof whoami->user, "%s", user != NULL ? user : "");
  whoami->code = err != NULL ? err->code : P2P_OK;
  p2p_whoami_free(whoami->account);
  site_count(&gate, &whoami->on_user);
}

static void start_whoami(void *arg) {
  struct whoami *whoami = arg;
  const struct p2p_board_config *config = &whoami->config.board;
  struct p2p_address address;
  CHECK(p2p_address_parse(config->host, config->ssh_args, config->n_ssh_args, &address, NULL) ==
        P2P_OK);
  const struct p2p_whoami_query query = {.loop = loop, .address = &address};
  CHECK(p2p_whoami_request(&query, on_user, whoami, &whoami->account, NULL) == P2P_OK);
}

TEST(whoami_reports_the_user) {
  struct whoami whoami = {0};
  configure(&whoami.config, whoami.args, "carol", NULL, P2P_ROLE_CLIENT);
  CHECK(p2p_loop_call(loop, start_whoami, &whoami) == P2P_OK);
  CHECK(site_wait(&gate, &whoami.on_user, 1));
  CHECK_STR(whoami.user, "carol");
  whoami.on_user = 0;
  configure(&whoami.config, whoami.args, "stranger", NULL, P2P_ROLE_CLIENT);
  CHECK(p2p_loop_call(loop, start_whoami, &whoami) == P2P_OK);
  CHECK(site_wait(&gate, &whoami.on_user, 1));
  CHECK(whoami.code == P2P_ERR_AUTH);
}

UNIT_MAIN("member", UNIT(a_board_opens), UNIT(owner_and_another_user_join_a_hosted_cluster),
          UNIT(a_user_without_access_gets_an_error),
          UNIT(a_cluster_without_a_host_is_an_error_for_owner_and_others),
          UNIT(only_the_owner_hosts), UNIT(a_second_host_with_other_users_is_an_error),
          UNIT(a_host_of_a_topic_in_use_is_an_error), UNIT(a_personal_cluster_needs_no_host),
          UNIT(unknown_keys_unknown_hosts_and_closed_ports_are_errors),
          UNIT(bad_names_and_arguments_are_errors_at_once),
          UNIT(a_member_can_be_freed_in_each_callback),
          UNIT(all_members_reconnect_when_the_board_restarts),
          UNIT(members_go_on_when_the_host_leaves),
          UNIT(a_member_that_reconnects_before_the_host_joins_when_it_is_back),
          UNIT(the_program_ssh_uses_a_jump_host), UNIT(whoami_reports_the_user),
          UNIT(the_board_closes))
