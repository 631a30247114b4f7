/* The whole server: it listens once it is created, leaves nothing open, reloads its users, and its
 * mailbox is reached by WebSocket. */
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "crypto/random.h"
#include "descriptors.h"
#include "idle_connections.h"
#include "net/ws.h"
#include "server/limits.h"
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
  const char *to_send;
  char received[4096];
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

static void set_flag(bool *flag) {
  pthread_mutex_lock(&lock);
  *flag = true;
  pthread_cond_broadcast(&changed);
  pthread_mutex_unlock(&lock);
}

static void on_open(void *arg) { set_flag(&((struct client *)arg)->is_open); }
static void on_text(void *arg, const char *text, size_t length) {
  struct client *client = arg;
  pthread_mutex_lock(&lock);
  if (strlen(client->received) + length < sizeof client->received)
    strncat(client->received, text, length);
  pthread_cond_broadcast(&changed);
  pthread_mutex_unlock(&lock);
}
static void on_close(void *arg, const struct p2p_err *why) {
  struct client *client = arg;
  (void)why;
  p2p_ws_free(client->ws);
  client->ws = NULL;
  set_flag(&client->is_closed);
}

static void connect_on_loop(void *arg) {
  static const struct p2p_ws_callbacks callbacks = {on_open, on_text, on_close};
  struct client *client = arg;
  char url[64];
  snprintf(url, sizeof url, "ws://127.0.0.1:%u/v1", (unsigned)p2p_server_mailbox_port(server));
  CHECK(p2p_ws_connect(&(struct p2p_ws_request){loop, url, WAIT_S * 1000}, &callbacks, client,
                       &client->ws, &err) == P2P_OK);
}
static void send_on_loop(void *arg) {
  struct client *client = arg;
  CHECK(p2p_ws_send(client->ws, client->to_send, strlen(client->to_send)) == P2P_OK);
}
static void free_on_loop(void *arg) {
  struct client *client = arg;
  p2p_ws_free(client->ws);
}

static void send_json(struct client *client, const char *json) {
  client->to_send = json;
  CHECK(p2p_loop_call(loop, send_on_loop, client) == P2P_OK);
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

TEST(it_listens_and_leaves_nothing_open) {
  CHECK(start_server("") == P2P_OK);
  p2p_server_free(server); /* the loop keeps what its first listener has opened */
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

TEST(a_failure_to_start_is_explained) {
  int before = count_descriptors();
  CHECK(start_server("alice nonsense") == P2P_ERR_PARSE);
  CHECK(strstr(err.message, "line 1") != NULL);
  CHECK(start_server("") == P2P_OK);
  struct p2p_server *first = server;
  struct p2p_server_config config = {.loop = loop,
                                     .address = "127.0.0.1",
                                     .host_key = key_path,
                                     .users = "",
                                     .board_port = p2p_server_board_port(first)};
  CHECK(p2p_server_new(&config, log, &server, &err) < 0); /* the port is in use */
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

#define ALICE \
  "alice ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJcH5hWUXvOjbCIWAyOiY+LiwOt+VwH815eJfsxOdWku\n"
#define BOB "bob ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJcH5hWUXvOjbCIWAyOiY+LiwOt+VwH815eJfsxOdWkv\n"

static const char *path_of(const char *name) {
  static char paths[4][128];
  static unsigned next;
  char *path = paths[next++ % 4];
  snprintf(path, sizeof paths[0], "%s/%s", folder, name);
  return path;
}

static void write_users(int fd, const char *users) {
  CHECK(fd >= 0 && write(fd, users, strlen(users)) == (ssize_t)strlen(users));
  close(fd);
}

static void create_users(const char *name, const char *users) {
  write_users(open(path_of(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600), users);
}

/* As `ln -sfn`: a new link is renamed over the old one. */
static void point_link(const char *name, const char *target) {
  CHECK(symlink(target, path_of("new-link")) == 0);
  CHECK(rename(path_of("new-link"), path_of(name)) == 0);
}

static int start_with_users_file(const char *name) {
  struct p2p_server_config config = {
      .loop = loop, .address = "127.0.0.1", .host_key = key_path, .users_file = path_of(name)};
  return p2p_server_new(&config, log, &server, &err);
}

static bool wait_for_log(const char *text) {
  struct p2p_log_line line = {.text = ""};
  time_t end = time(NULL) + WAIT_S;
  while (strstr(line.text, text) == NULL && time(NULL) < end)
    (void)p2p_log_queue_next(log, 200, &line);
  if (strstr(line.text, text) == NULL) fprintf(stderr, "no log line \"%s\"\n", text);
  return strstr(line.text, text) != NULL;
}

/* The layout of a Kubernetes ConfigMap. */
TEST(a_users_file_behind_links_is_reloaded_when_a_link_changes) {
  CHECK(mkdir(path_of("v1"), 0700) == 0 && mkdir(path_of("v2"), 0700) == 0);
  create_users("v1/users", ALICE);
  create_users("v2/users", ALICE BOB);
  point_link("..data", "v1");
  point_link("users", "..data/users");
  CHECK(start_with_users_file("users") == P2P_OK);
  point_link("..data", "v2");
  CHECK(wait_for_log("reloaded the users file: 2 users"));
  point_link("users", "v1/users");
  CHECK(wait_for_log("reloaded the users file: 1 user"));
  create_users("v1/users", "alice nonsense\n");
  CHECK(wait_for_log("kept the users as they were: line 1 of the users"));
  p2p_server_free(server);
  CHECK(unlink(path_of("users")) == 0 && unlink(path_of("..data")) == 0);
  CHECK(unlink(path_of("v1/users")) == 0 && unlink(path_of("v2/users")) == 0);
  CHECK(rmdir(path_of("v1")) == 0 && rmdir(path_of("v2")) == 0);
}

static bool is_responsive;
static void on_post(void *arg) {
  (void)arg;
  set_flag(&is_responsive);
}

/* Opens a FIFO once somebody reads it; its reader then waits for what is written. */
static int open_fifo(const char *name) {
  int fd = -1;
  time_t end = time(NULL) + WAIT_S;
  while (fd < 0 && time(NULL) < end) {
    fd = open(path_of(name), O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
  }
  return fd;
}

TEST(a_users_file_that_is_a_fifo_is_refused_at_the_start) {
  CHECK(mkfifo(path_of("fifo"), 0600) == 0);
  CHECK(start_with_users_file("fifo") == P2P_ERR_SYSTEM);
  CHECK(strstr(err.message, "fifo' is not a regular file") != NULL);
  CHECK(unlink(path_of("fifo")) == 0);
}

/* A FIFO stands for a slow file system. */
TEST(reading_the_users_file_does_not_block_the_io_thread) {
  create_users("users", ALICE);
  CHECK(start_with_users_file("users") == P2P_OK);
  CHECK(wait_for_log("read the users file: no change"));
  CHECK(mkfifo(path_of("fifo"), 0600) == 0);
  CHECK(rename(path_of("fifo"), path_of("users")) == 0);
  int fd = open_fifo("users");
  CHECK(p2p_loop_post(loop, on_post, NULL) == P2P_OK);
  WAIT_FOR(is_responsive);
  write_users(fd, ALICE BOB);
  CHECK(wait_for_log("reloaded the users file: 2 users"));
  p2p_server_free(server);
  CHECK(unlink(path_of("users")) == 0);
}

TEST(a_server_can_be_freed_while_the_users_file_is_read) {
  create_users("users", ALICE);
  CHECK(start_with_users_file("users") == P2P_OK);
  CHECK(wait_for_log("read the users file: no change"));
  CHECK(mkfifo(path_of("fifo"), 0600) == 0);
  CHECK(rename(path_of("fifo"), path_of("users")) == 0);
  int fd = open_fifo("users");
  p2p_server_free(server);
  write_users(fd, ALICE BOB);
  CHECK(unlink(path_of("users")) == 0);
}

TEST(two_clients_meet_in_a_mailbox) {
  static struct client a, b;
  CHECK(start_server("") == P2P_OK);
  CHECK(p2p_loop_call(loop, connect_on_loop, &a) == P2P_OK);
  CHECK(p2p_loop_call(loop, connect_on_loop, &b) == P2P_OK);
  WAIT_FOR(strstr(a.received, "welcome") != NULL && strstr(b.received, "welcome") != NULL);
  send_json(&a, "{\"type\":\"bind\",\"appid\":\"app\",\"side\":\"aa\"}");
  send_json(&b, "{\"type\":\"bind\",\"appid\":\"app\",\"side\":\"bb\"}");
  send_json(&a, "{\"type\":\"open\",\"mailbox\":\"m\"}");
  send_json(&b, "{\"type\":\"open\",\"mailbox\":\"m\"}");
  send_json(&a, "{\"type\":\"add\",\"phase\":\"pake\",\"body\":\"0123\"}");
  WAIT_FOR(strstr(b.received, "\"side\":\"aa\",\"phase\":\"pake\",\"body\":\"0123\"") != NULL);
  send_json(&b, "{\"type\":\"close\"}");
  WAIT_FOR(strstr(b.received, "\"closed\"") != NULL);
  CHECK(p2p_loop_call(loop, free_on_loop, &b) == P2P_OK);
  p2p_server_free(server); /* with a client still connected */
  WAIT_FOR(a.is_closed);
}

TEST(connections_of_one_address_to_the_mailbox_are_bounded) {
  static int fds[P2P_MAILBOX_CONNECTIONS_PER_ADDRESS_MAX];
  static struct client a;
  struct p2p_log_line event;
  while (p2p_log_queue_next(log, 0, &event)) {
  }
  CHECK(start_server("") == P2P_OK);
  idle_connections_open(fds, P2P_MAILBOX_CONNECTIONS_PER_ADDRESS_MAX,
                        p2p_server_mailbox_port(server));
  CHECK(p2p_loop_call(loop, connect_on_loop, &a) == P2P_OK);
  WAIT_FOR(a.is_closed);
  CHECK(p2p_log_queue_next(log, WAIT_S * 1000, &event) &&
        strstr(event.text, "too many connections from this address") != NULL);
  idle_connections_close(fds, P2P_MAILBOX_CONNECTIONS_PER_ADDRESS_MAX);
  p2p_server_free(server);
}

/* Upgrades to WebSocket, so that the server keeps the connection. */
static void upgrade_all(const int *fds, size_t count) {
  static const char request[] =
      "GET /v1 HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Key: AAECAwQFBgcICQoLDA0ODw==\r\nSec-WebSocket-Version: 13\r\n\r\n";
  for (size_t i = 0; i < count; i++)
    CHECK(write(fds[i], request, sizeof request - 1) == sizeof request - 1);
}

/* Those that hold all connections of an address keep nobody else behind it out. */
TEST(the_oldest_connection_of_an_address_makes_room) {
  static int fds[P2P_MAILBOX_CONNECTIONS_PER_ADDRESS_MAX];
  static struct client a;
  CHECK(start_server("") == P2P_OK);
  idle_connections_open(fds, P2P_MAILBOX_CONNECTIONS_PER_ADDRESS_MAX,
                        p2p_server_mailbox_port(server));
  upgrade_all(fds, P2P_MAILBOX_CONNECTIONS_PER_ADDRESS_MAX);
  for (time_t began = time(NULL); time(NULL) - began < WAIT_S;) {
    memset(&a, 0, sizeof a);
    CHECK(p2p_loop_call(loop, connect_on_loop, &a) == P2P_OK);
    WAIT_FOR(a.is_closed || strstr(a.received, "welcome") != NULL);
    if (!a.is_closed) break;
    nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL); /* as a client that tries again */
  }
  CHECK(strstr(a.received, "welcome") != NULL);
  CHECK(p2p_loop_call(loop, free_on_loop, &a) == P2P_OK);
  idle_connections_close(fds, P2P_MAILBOX_CONNECTIONS_PER_ADDRESS_MAX);
  p2p_server_free(server);
}

TEST(clean_up) {
  p2p_loop_stop(loop);
  p2p_log_queue_unref(log);
  CHECK(unlink(key_path) == 0);
  CHECK(rmdir(folder) == 0);
}

UNIT_MAIN("server", UNIT(prepare), UNIT(it_listens_and_leaves_nothing_open),
          UNIT(a_failure_to_start_is_explained),
          UNIT(a_port_in_use_is_named_and_nothing_stays_open),
          UNIT(starting_without_an_io_thread_fails),
          UNIT(a_users_file_behind_links_is_reloaded_when_a_link_changes),
          UNIT(a_users_file_that_is_a_fifo_is_refused_at_the_start),
          UNIT(reading_the_users_file_does_not_block_the_io_thread),
          UNIT(a_server_can_be_freed_while_the_users_file_is_read),
          UNIT(two_clients_meet_in_a_mailbox),
          UNIT(connections_of_one_address_to_the_mailbox_are_bounded),
          UNIT(the_oldest_connection_of_an_address_makes_room), UNIT(clean_up))
