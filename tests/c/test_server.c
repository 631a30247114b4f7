/* The whole server: it listens when it is there, leaves nothing behind, and its mailbox speaks
 * WebSocket. */
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "crypto/random.h"
#include "descriptors.h"
#include "idle_connections.h"
#include "net/ws.h"
#include "server/mailbox_server.h"
#include "server/server.h"
#include "unit.h"

#define WAIT_S 20

static char folder[] = "/tmp/p2p-server-XXXXXX";
static char key_path[64];
static struct p2p_loop *loop;
static struct p2p_log_queue *log;
static struct p2p_server *server;
static struct p2p_err err;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

struct client {
  struct p2p_ws *ws;
  const char *say;
  char got[4096];
  bool is_open, is_closed;
};

#define WAIT_FOR(condition)                                              \
  do {                                                                   \
    struct timespec until;                                               \
    clock_gettime(CLOCK_REALTIME, &until);                               \
    until.tv_sec += WAIT_S;                                              \
    bool is_in_time = true;                                              \
    pthread_mutex_lock(&lock);                                           \
    while (is_in_time && !(condition))                                   \
      is_in_time = pthread_cond_timedwait(&changed, &lock, &until) == 0; \
    pthread_mutex_unlock(&lock);                                         \
    CHECK(is_in_time);                                                   \
  } while (0)

static void set(bool *flag) {
  pthread_mutex_lock(&lock);
  *flag = true;
  pthread_cond_broadcast(&changed);
  pthread_mutex_unlock(&lock);
}

static void on_open(void *arg) { set(&((struct client *)arg)->is_open); }
static void on_text(void *arg, const char *text, size_t length) {
  struct client *client = arg;
  pthread_mutex_lock(&lock);
  if (strlen(client->got) + length < sizeof client->got) strncat(client->got, text, length);
  pthread_cond_broadcast(&changed);
  pthread_mutex_unlock(&lock);
}
static void on_close(void *arg, const struct p2p_err *why) {
  struct client *client = arg;
  (void)why;
  p2p_ws_free(client->ws);
  client->ws = NULL;
  set(&client->is_closed);
}

static void connect_on_loop(void *arg) {
  static const struct p2p_ws_callbacks ws_events = {on_open, on_text, on_close};
  struct client *client = arg;
  char url[64];
  snprintf(url, sizeof url, "ws://127.0.0.1:%u/v1", (unsigned)p2p_server_mailbox_port(server));
  CHECK(p2p_ws_connect(loop, url, WAIT_S * 1000, p2p_random_bytes, &ws_events, client, &client->ws,
                       &err) == P2P_OK);
}
static void send_on_loop(void *arg) {
  struct client *client = arg;
  CHECK(p2p_ws_send(client->ws, client->say, strlen(client->say)) == P2P_OK);
}
static void free_on_loop(void *arg) {
  struct client *client = arg;
  p2p_ws_free(client->ws);
}

static void say(struct client *client, const char *json) {
  client->say = json;
  p2p_loop_call(loop, send_on_loop, client);
}

static int start_server(const char *users) {
  struct p2p_server_config config = {
      .loop = loop, .address = "127.0.0.1", .host_key = key_path, .users = users};
  return p2p_server_new(&config, log, &server, &err);
}

TEST(prepare) {
  CHECK(mkdtemp(folder) != NULL);
  snprintf(key_path, sizeof key_path, "%s/key", folder);
  CHECK(p2p_crypto_init() == 0);
  CHECK(p2p_loop_start(&loop, &err) == P2P_OK);
  log = p2p_log_queue_new(100);
}

TEST(it_listens_and_leaves_nothing_behind) {
  CHECK(start_server("") == P2P_OK);
  p2p_server_free(server); /* the loop keeps what it opened for its first listener */
  int before = count_descriptors();
  CHECK(start_server("") == P2P_OK);
  CHECK(p2p_server_board_port(server) != 0 && p2p_server_relay_port(server) != 0 &&
        p2p_server_mailbox_port(server) != 0);
  CHECK(strncmp(p2p_server_host_key(server), "ssh-ed25519 ", 12) == 0);
  CHECK(strncmp(p2p_server_fingerprint(server), "SHA256:", 7) == 0);
  CHECK(count_descriptors() > before);
  p2p_server_free(server);
  CHECK(count_descriptors() == before);
}

TEST(what_it_cannot_start_with_is_told) {
  int before = count_descriptors();
  CHECK(start_server("alice nonsense") == P2P_ERR_PARSE);
  CHECK(strstr(err.message, "Line 1") != NULL);
  CHECK(start_server("") == P2P_OK);
  struct p2p_server *first = server;
  struct p2p_server_config config = {.loop = loop,
                                     .address = "127.0.0.1",
                                     .host_key = key_path,
                                     .users = "",
                                     .board_port = p2p_server_board_port(first)};
  CHECK(p2p_server_new(&config, log, &server, &err) < 0); /* the port is taken */
  CHECK(err.message[0] != '\0');
  p2p_server_free(first);
  config.board_port = 0;
  config.host_key = "/nowhere/at/all";
  CHECK(p2p_server_new(&config, log, &server, &err) == P2P_ERR_SYSTEM);
  CHECK(strstr(err.message, "/nowhere/at/all") != NULL);
  p2p_server_free(NULL);
  CHECK(count_descriptors() == before);
}

TEST(a_port_in_use_is_named_and_nothing_stays_open) {
  struct p2p_server *second;
  CHECK(start_server("") == P2P_OK);
  int before = count_descriptors();
  uint16_t ports[] = {p2p_server_mailbox_port(server), p2p_server_relay_port(server),
                      p2p_server_board_port(server)};
  const char *services[] = {"mailbox", "relay", "board"};
  for (int i = 0; i < 3; i++) {
    struct p2p_server_config config = {.loop = loop,
                                       .address = "127.0.0.1",
                                       .host_key = key_path,
                                       .users = "",
                                       .mailbox_port = i == 0 ? ports[0] : 0,
                                       .relay_port = i == 1 ? ports[1] : 0,
                                       .board_port = i == 2 ? ports[2] : 0};
    char port[16];
    snprintf(port, sizeof port, " port %u", (unsigned)ports[i]);
    CHECK(p2p_server_new(&config, log, &second, &err) == P2P_ERR_NETWORK);
    CHECK(strstr(err.message, services[i]) != NULL);
    CHECK(strstr(err.message, port) != NULL);
    CHECK(count_descriptors() == before);
  }
  p2p_server_free(server);
}

/* In a child after fork() the io thread is gone. */
TEST(starting_without_an_io_thread_fails) {
  pid_t pid = fork();
  if (pid == 0) {
    p2p_loop_disown(loop);
    _exit(start_server("") == P2P_ERR_CLOSED && err.message[0] != '\0' ? 0 : 1);
  }
  int status;
  CHECK(waitpid(pid, &status, 0) == pid && status == 0);
}

TEST(two_clients_meet_in_a_mailbox) {
  static struct client a, b;
  CHECK(start_server("") == P2P_OK);
  p2p_loop_call(loop, connect_on_loop, &a);
  p2p_loop_call(loop, connect_on_loop, &b);
  WAIT_FOR(strstr(a.got, "welcome") != NULL && strstr(b.got, "welcome") != NULL);
  say(&a, "{\"type\":\"bind\",\"appid\":\"app\",\"side\":\"aa\"}");
  say(&b, "{\"type\":\"bind\",\"appid\":\"app\",\"side\":\"bb\"}");
  say(&a, "{\"type\":\"open\",\"mailbox\":\"m\"}");
  say(&b, "{\"type\":\"open\",\"mailbox\":\"m\"}");
  say(&a, "{\"type\":\"add\",\"phase\":\"pake\",\"body\":\"0123\"}");
  WAIT_FOR(strstr(b.got, "\"side\":\"aa\",\"phase\":\"pake\",\"body\":\"0123\"") != NULL);
  say(&b, "{\"type\":\"close\"}");
  WAIT_FOR(strstr(b.got, "\"closed\"") != NULL);
  p2p_loop_call(loop, free_on_loop, &b);
  p2p_server_free(server); /* with a client still there */
  WAIT_FOR(a.is_closed);
}

TEST(connections_of_one_address_to_the_mailbox_are_bounded) {
  static int fds[P2P_MAILBOX_CONNECTIONS_OF_ORIGIN_MAX];
  static struct client a;
  struct p2p_log_line event;
  while (p2p_log_queue_next(log, 0, &event)) {
  }
  CHECK(start_server("") == P2P_OK);
  crowd_come(fds, P2P_MAILBOX_CONNECTIONS_OF_ORIGIN_MAX, p2p_server_mailbox_port(server));
  p2p_loop_call(loop, connect_on_loop, &a);
  WAIT_FOR(a.is_closed);
  CHECK(p2p_log_queue_next(log, WAIT_S * 1000, &event) &&
        strstr(event.text, "too many are open from there") != NULL);
  crowd_go(fds, P2P_MAILBOX_CONNECTIONS_OF_ORIGIN_MAX);
  p2p_server_free(server);
}

TEST(clean_up) {
  p2p_loop_stop(loop);
  p2p_log_queue_unref(log);
  CHECK(unlink(key_path) == 0);
  CHECK(rmdir(folder) == 0);
}

UNIT_MAIN("server", UNIT(prepare), UNIT(it_listens_and_leaves_nothing_behind),
          UNIT(what_it_cannot_start_with_is_told),
          UNIT(a_port_in_use_is_named_and_nothing_stays_open),
          UNIT(starting_without_an_io_thread_fails), UNIT(two_clients_meet_in_a_mailbox),
          UNIT(connections_of_one_address_to_the_mailbox_are_bounded), UNIT(clean_up))
