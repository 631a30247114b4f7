/* net/tcp: bytes arrive as they were written, failures have messages, and a connection may be
 * freed within any of its callbacks. Loopback and ephemeral ports only. */
#include "net/address.h"
#include "net/connect.h"
#include "net/listener.h"
#include "net/tcp.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/asan.h"
#include "base/clock.h"
#include "base/log_queue.h"
#include "unit.h"

enum { CONNECT = 1, DATA, DRAIN, CLOSE };

struct end {
  struct scene *scene;
  const char *name;
  struct p2p_tcp *tcp;
  size_t received, to_send;
  uint8_t next_in, next_out;
  bool echo, wrong;
  int free_in; /* the event in which this end frees itself */
};

struct scene {
  struct p2p_loop *loop;
  struct p2p_log_queue *log; /* what happened, one line each */
  struct p2p_listener *listener;
  struct end client, server;
  uint16_t port;
  const char *host;
  uint32_t timeout_ms;
  bool greet;
  int fd;
};

static void say(struct end *end, const char *what) {
  p2p_log_write(end->scene->log, P2P_LOG_INFO, "%s %s", end->name, what);
}

static bool freed_in(struct end *end, int event) {
  if (end->free_in != event) return false;
  p2p_tcp_free(end->tcp);
  end->tcp = NULL;
  say(end, "freed");
  return true;
}

static void send_some(struct end *end) {
  static uint8_t bytes[100000];
  while (end->to_send > 0 && p2p_tcp_queued(end->tcp) < P2P_TCP_LOW) {
    size_t length = end->to_send < sizeof bytes ? end->to_send : sizeof bytes;
    for (size_t i = 0; i < length; i++) bytes[i] = end->next_out++;
    CHECK(p2p_tcp_write(end->tcp, bytes, length) == P2P_OK);
    end->to_send -= length;
  }
}

static void on_connect(void *arg) {
  struct end *end = arg;
  if (freed_in(end, CONNECT)) return;
  say(end, "connected");
  send_some(end);
}

static void on_data(void *arg, const uint8_t *bytes, size_t length) {
  struct end *end = arg;
  for (size_t i = 0; i < length; i++)
    if (bytes[i] != end->next_in++) end->wrong = true;
  end->received += length;
  if (freed_in(end, DATA)) return;
  if (end->echo) {
    if (p2p_tcp_write(end->tcp, bytes, length) != P2P_OK) end->wrong = true;
    if (p2p_tcp_queued(end->tcp) >= P2P_TCP_LOW) p2p_tcp_pause(end->tcp);
  }
  char line[32];
  snprintf(line, sizeof line, "has %zu", end->received);
  if (end->received % 1000000 == 0 || end->received < 100) say(end, line);
}

static void on_drain(void *arg) {
  struct end *end = arg;
  if (freed_in(end, DRAIN)) return;
  send_some(end);
  if (end->echo) p2p_tcp_resume(end->tcp);
}

static void on_close(void *arg, const struct p2p_err *err) {
  struct end *end = arg;
  p2p_log_write(end->scene->log, P2P_LOG_INFO, "%s %s: %s", end->name, p2p_err_name(err->code),
                err->message);
  freed_in(end, CLOSE);
}

static const struct p2p_tcp_callbacks callbacks = {on_connect, on_data, on_drain, on_close};

static void on_accept(void *arg, struct p2p_tcp *tcp) {
  struct scene *scene = arg;
  struct end *end = &scene->server;
  end->tcp = tcp;
  char peer[64], local[64];
  CHECK(p2p_tcp_peer_name(tcp, peer, sizeof peer) == P2P_OK &&
        strncmp(peer, "127.0.0.1:", 10) == 0);
  CHECK(p2p_tcp_local_name(tcp, local, sizeof local) == P2P_OK && strcmp(local, peer) != 0);
  CHECK(p2p_tcp_attach(tcp, &callbacks, end) == P2P_OK);
  if (scene->greet) CHECK(p2p_tcp_write(tcp, "\0\1\2", 3) == P2P_OK);
  say(end, "accepted");
}

static void do_listen(void *arg) {
  struct scene *scene = arg;
  struct p2p_err err;
  CHECK(
      p2p_listener_new(&(struct p2p_listener_config){scene->loop, "127.0.0.1", 0, on_accept, scene},
                       &scene->listener, &err) == P2P_OK);
  scene->port = p2p_listener_port(scene->listener);
  CHECK(scene->port != 0);
}

static void do_connect(void *arg) {
  struct scene *scene = arg;
  struct p2p_err err;
  CHECK(p2p_tcp_connect(&(struct p2p_connect_request){scene->loop, scene->host, scene->port,
                                                      scene->timeout_ms, .use_proxy = false},
                        &callbacks, &scene->client, &scene->client.tcp, &err) == P2P_OK);
}

static void do_close(void *arg) {
  struct scene *scene = arg;
  p2p_tcp_free(scene->client.tcp);
  p2p_tcp_free(scene->server.tcp);
  p2p_listener_free(scene->listener);
}

static void on_io(struct scene *scene, void (*fn)(void *arg)) {
  CHECK(p2p_loop_call(scene->loop, fn, scene) == P2P_OK);
}

static void begin(struct scene *scene) {
  memset(scene, 0, sizeof *scene);
  struct p2p_err err;
  CHECK(p2p_loop_start(&scene->loop, &err) == P2P_OK);
  scene->log = p2p_log_queue_new(100);
  scene->client = (struct end){.scene = scene, .name = "client"};
  scene->server = (struct end){.scene = scene, .name = "server"};
  scene->host = "127.0.0.1";
  scene->timeout_ms = 10000;
  scene->fd = -1;
  on_io(scene, do_listen);
}

static void finish(struct scene *scene) {
  on_io(scene, do_close);
  p2p_loop_stop(scene->loop);
  p2p_log_queue_unref(scene->log);
}

/* Waits for a line that begins so; lines of other kinds that come before are passed over. */
static bool wait_for(struct scene *scene, const char *start) {
  struct p2p_log_line event;
  while (p2p_log_queue_next(scene->log, 20000, &event)) {
    if (strncmp(event.text, start, strlen(start)) == 0) return true;
    if (getenv("P2P_TEST_TRACE") != NULL) fprintf(stderr, "(%s)\n", event.text);
  }
  fprintf(stderr, "never came: %s\n", start);
  return false;
}

/* Which end is up first is the kernel's choice. */
static void wait_for_both(struct scene *scene) {
  bool connected = false, accepted = false;
  struct p2p_log_line event;
  while (!(connected && accepted) && p2p_log_queue_next(scene->log, 20000, &event)) {
    if (strcmp(event.text, "client connected") == 0) connected = true;
    if (strcmp(event.text, "server accepted") == 0) accepted = true;
  }
  CHECK(connected && accepted);
}

/* A socket that is bound to a free port of 127.0.0.1. */
static int bound_socket(struct sockaddr_in *address) {
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  socklen_t length = sizeof *address;
  *address = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  CHECK(bind(fd, (struct sockaddr *)address, length) == 0);
  CHECK(getsockname(fd, (struct sockaddr *)address, &length) == 0);
  return fd;
}

TEST(twenty_megabytes_come_back_as_they_were) {
  struct scene scene;
  begin(&scene);
  scene.client.to_send = 20 * 1000 * 1000;
  scene.server.echo = true;
  on_io(&scene, do_connect);
  CHECK(wait_for(&scene, "client has 20000000"));
  CHECK(!scene.client.wrong && !scene.server.wrong && scene.server.received == 20000000);
  finish(&scene);
}

TEST(a_refused_connection_has_a_message) {
  struct scene scene;
  begin(&scene);
  /* The port of a socket that is bound but does not listen refuses, and nobody else gets it. */
  struct sockaddr_in address;
  int fd = bound_socket(&address);
  scene.port = ntohs(address.sin_port);
  on_io(&scene, do_connect);
  char expected[128];
  snprintf(expected, sizeof expected,
           "client network: cannot connect to 127.0.0.1:%u: connection refused", scene.port);
  CHECK(wait_for(&scene, expected));
  close(fd);
  finish(&scene);
}

TEST(an_invalid_host_or_port_is_refused_at_once) {
  struct p2p_tcp *tcp = NULL;
  struct p2p_err err;
  char long_name[1000];
  memset(long_name, 'a', sizeof long_name - 1);
  long_name[sizeof long_name - 1] = '\0';
  CHECK(p2p_tcp_connect(&(struct p2p_connect_request){NULL, "", 1, 1, .use_proxy = false},
                        &callbacks, NULL, &tcp, &err) == P2P_ERR_INVALID);
  CHECK(p2p_tcp_connect(&(struct p2p_connect_request){NULL, "localhost", 0, 1, .use_proxy = false},
                        &callbacks, NULL, &tcp, &err) == P2P_ERR_INVALID);
  CHECK(p2p_tcp_connect(&(struct p2p_connect_request){NULL, long_name, 1, 1, .use_proxy = false},
                        &callbacks, NULL, &tcp, &err) == P2P_ERR_INVALID);
  CHECK(tcp == NULL);
}

TEST(all_addresses_of_a_name_are_tried) {
  /* The listener has 127.0.0.1 only; "localhost" is ::1 first where there is IPv6. */
  struct scene scene;
  begin(&scene);
  scene.host = "localhost";
  on_io(&scene, do_connect);
  CHECK(wait_for(&scene, "client connected"));
  finish(&scene);
}

TEST(an_unknown_name_is_reported) {
  struct scene scene;
  begin(&scene);
  scene.host = "bad host name"; /* no resolver asks the network for this */
  scene.client.free_in = CLOSE;
  on_io(&scene, do_connect);
  CHECK(wait_for(&scene, "client network: cannot connect to bad host name:"));
  CHECK(wait_for(&scene, "client freed"));
  finish(&scene);
}

/* A listener whose backlog is full leaves a connect without an answer (Linux). */
static int full_listener(uint16_t *port, int *fillers, int n_fillers) {
  struct sockaddr_in address;
  int fd = bound_socket(&address);
  CHECK(listen(fd, 0) == 0);
  *port = ntohs(address.sin_port);
  for (int i = 0; i < n_fillers; i++) {
    fillers[i] = socket(AF_INET, SOCK_STREAM, 0);
    CHECK(fcntl(fillers[i], F_SETFL, O_NONBLOCK) == 0);
    CHECK(connect(fillers[i], (struct sockaddr *)&address, sizeof address) == 0 ||
          errno == EINPROGRESS);
  }
  return fd;
}

TEST(a_connect_without_an_answer_times_out) {
  struct scene scene;
  begin(&scene);
  int fillers[4];
  int fd = full_listener(&scene.port, fillers, 4);
  scene.timeout_ms = 100;
  scene.client.free_in = CLOSE;
  uint64_t before_ms = p2p_clock_ms();
  on_io(&scene, do_connect);
  CHECK(wait_for(&scene, "client timeout: cannot connect to 127.0.0.1:"));
  CHECK(p2p_clock_ms() - before_ms < 12000);
  for (int i = 0; i < 4; i++) close(fillers[i]);
  close(fd);
  finish(&scene);
}

static void do_connect_and_free(void *arg) {
  struct scene *scene = arg;
  do_connect(scene);
  p2p_tcp_free(scene->client.tcp);
  scene->client.tcp = NULL;
}

TEST(a_connection_may_be_freed_while_it_is_made) {
  struct scene scene;
  begin(&scene);
  on_io(&scene, do_connect_and_free);
  scene.host = "localhost"; /* looked up on another thread */
  on_io(&scene, do_connect_and_free);
  finish(&scene);
}

TEST(a_connection_may_be_freed_in_each_callback) {
  for (int event = CONNECT; event <= CLOSE; event++) {
    struct scene scene;
    begin(&scene);
    scene.greet = true;
    scene.client.free_in = event;
    if (event == DRAIN) scene.client.to_send = 20000000;
    if (event == CLOSE) scene.server.free_in = CONNECT;
    on_io(&scene, do_connect);
    CHECK(wait_for(&scene, "server accepted"));
    if (event == CLOSE) {
      CHECK(p2p_loop_call(scene.loop, (void (*)(void *))p2p_tcp_free, scene.server.tcp) == P2P_OK);
      scene.server.tcp = NULL;
    }
    CHECK(wait_for(&scene, "client freed"));
    finish(&scene);
  }
}

TEST(the_end_of_the_peer_is_reported) {
  struct scene scene;
  begin(&scene);
  on_io(&scene, do_connect);
  CHECK(wait_for(&scene, "server accepted"));
  CHECK(p2p_loop_call(scene.loop, (void (*)(void *))p2p_tcp_free, scene.server.tcp) == P2P_OK);
  scene.server.tcp = NULL;
  CHECK(wait_for(&scene, "client closed: the connection to 127.0.0.1:"));
  CHECK(p2p_tcp_write(scene.client.tcp, "x", 1) == P2P_ERR_CLOSED);
  finish(&scene);
}

static void take_client_fd(void *arg) {
  struct scene *scene = arg;
  scene->fd = p2p_tcp_take_fd(scene->client.tcp);
  scene->client.tcp = NULL;
}

TEST(a_taken_descriptor_is_the_connection) {
  struct scene scene;
  begin(&scene);
  on_io(&scene, do_connect);
  wait_for_both(&scene);
  on_io(&scene, take_client_fd);
  CHECK(scene.fd >= 0);
  CHECK((fcntl(scene.fd, F_GETFD) & FD_CLOEXEC) != 0 &&
        (fcntl(scene.fd, F_GETFL) & O_NONBLOCK) != 0);
  CHECK(write(scene.fd, "\0\1\2\3", 4) == 4);
  CHECK(wait_for(&scene, "server has 4"));
  close(scene.fd);
  CHECK(wait_for(&scene, "server closed"));
  finish(&scene);
}

TEST(a_reset_is_reported_as_a_lost_connection) {
  struct scene scene;
  begin(&scene);
  on_io(&scene, do_connect);
  wait_for_both(&scene);
  on_io(&scene, take_client_fd);
  struct linger hard = {.l_onoff = 1, .l_linger = 0};
  CHECK(setsockopt(scene.fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard) == 0);
  close(scene.fd);
  CHECK(wait_for(&scene, "server network: the connection to 127.0.0.1:"));
  finish(&scene);
}

static void do_finish_client(void *arg) {
  struct scene *scene = arg;
  static uint8_t bytes[3000000];
  for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (uint8_t)i;
  CHECK(p2p_tcp_write(scene->client.tcp, bytes, sizeof bytes) == P2P_OK);
  p2p_tcp_finish(scene->client.tcp, 10000);
  scene->client.tcp = NULL;
}

TEST(finish_delivers_what_is_queued_though_the_peer_sends_meanwhile) {
  struct scene scene;
  begin(&scene);
  scene.server.to_send = 100000;
  scene.server.free_in = CLOSE;
  on_io(&scene, do_connect);
  wait_for_both(&scene);
  on_io(&scene, do_finish_client);
  CHECK(wait_for(&scene, "server has 3000000"));
  CHECK(wait_for(&scene, "server closed"));
  CHECK(!scene.server.wrong);
  finish(&scene);
}

static void do_finish_briefly(void *arg) {
  struct scene *scene = arg;
  static const uint8_t bytes[30000000];
  p2p_tcp_pause(scene->server.tcp);
  CHECK(p2p_tcp_write(scene->client.tcp, bytes, sizeof bytes) == P2P_OK);
  CHECK(p2p_tcp_queued(scene->client.tcp) > 0);
  p2p_tcp_finish(scene->client.tcp, 20);
  scene->client.tcp = NULL;
}

TEST(finish_does_not_wait_longer_than_its_linger) {
  struct scene scene;
  begin(&scene);
  on_io(&scene, do_connect);
  wait_for_both(&scene);
  uint64_t before_ms = p2p_clock_ms();
  on_io(&scene, do_finish_briefly);
  finish(&scene); /* the loop ends when the socket is gone */
  CHECK(p2p_clock_ms() - before_ms < 12000);
}

static void do_write_without_reader(void *arg) {
  struct scene *scene = arg;
  static const uint8_t bytes[100000];
  for (int i = 0; i < 100; i++)
    if (p2p_tcp_write(scene->client.tcp, bytes, sizeof bytes) == P2P_ERR_CLOSED) break;
}

TEST(writing_to_a_closed_connection_does_not_end_the_process) {
  struct scene scene;
  begin(&scene);
  on_io(&scene, do_connect);
  wait_for_both(&scene);
  CHECK(p2p_loop_call(scene.loop, (void (*)(void *))p2p_tcp_pause, scene.client.tcp) ==
        P2P_OK); /* so that only writing tells */
  CHECK(p2p_loop_call(scene.loop, (void (*)(void *))p2p_tcp_free, scene.server.tcp) == P2P_OK);
  scene.server.tcp = NULL;
  on_io(&scene, do_write_without_reader);
  on_io(&scene, do_write_without_reader);
  CHECK(wait_for(&scene, "client network: the connection to 127.0.0.1:"));
  finish(&scene);
}

static void do_listen_elsewhere(void *arg) {
  struct scene *scene = arg;
  struct p2p_err err;
  struct p2p_listener *second = NULL;
  CHECK(p2p_listener_new(
            &(struct p2p_listener_config){scene->loop, "127.0.0.1", scene->port, on_accept, scene},
            &second, &err) == P2P_ERR_NETWORK);
  CHECK(strncmp(err.message, "cannot listen on 127.0.0.1 port ", 32) == 0);
  CHECK(
      p2p_listener_new(&(struct p2p_listener_config){scene->loop, "some.name", 0, on_accept, scene},
                       &second, &err) == P2P_ERR_INVALID);
  CHECK(second == NULL);
  p2p_listener_free(scene->listener);
  CHECK(p2p_listener_new(&(struct p2p_listener_config){scene->loop, NULL, 0, on_accept, scene},
                         &scene->listener, &err) == P2P_OK);
  scene->port = p2p_listener_port(scene->listener);
}

TEST(a_listener_on_all_addresses_is_reached_by_ipv4) {
  struct scene scene;
  begin(&scene);
  on_io(&scene, do_listen_elsewhere);
  on_io(&scene, do_connect);
  CHECK(wait_for(&scene, "server accepted")); /* on_accept checks that the name is IPv4's */
  finish(&scene);
}

TEST(this_machine_has_addresses) {
  char addresses[8][46];
  size_t n = p2p_local_addresses(addresses, 8, true);
  CHECK(n >= 1 && n <= 8);
  bool loopback = false;
  for (size_t i = 0; i < n; i++) {
    if (strcmp(addresses[i], "127.0.0.1") == 0) loopback = true;
    CHECK(strncmp(addresses[i], "fe80:", 5) != 0 && strncmp(addresses[i], "169.254.", 8) != 0);
  }
  CHECK(loopback || n == 8);
  CHECK(p2p_local_addresses(addresses, 8, false) >= 1);
  CHECK(p2p_local_addresses(addresses, 0, true) == 0);
}

struct ping {
  struct scene *scene;
  int left;
};

static void on_pong(void *arg, const uint8_t *bytes, size_t length) {
  struct ping *ping = arg;
  if (ping->left-- > 0)
    CHECK(p2p_tcp_write(ping->scene->client.tcp, bytes, length) == P2P_OK);
  else
    p2p_log_write(ping->scene->log, P2P_LOG_INFO, "pinged");
}

static void begin_pings(void *arg) {
  struct ping *ping = arg;
  static const struct p2p_tcp_callbacks pongs = {on_connect, on_pong, NULL, on_close};
  CHECK(p2p_tcp_attach(ping->scene->client.tcp, &pongs, ping) == P2P_OK);
  CHECK(p2p_tcp_write(ping->scene->client.tcp, "\0", 1) == P2P_OK);
}

TEST(a_round_trip_waits_for_no_timer) {
  struct scene scene;
  begin(&scene);
  scene.server.echo = true;
  on_io(&scene, do_connect);
  wait_for_both(&scene);
  struct ping ping = {&scene, 2000};
  uint64_t before_ms = p2p_clock_ms();
  CHECK(p2p_loop_call(scene.loop, begin_pings, &ping) == P2P_OK);
  CHECK(wait_for(&scene, "pinged"));
  uint64_t took_ms = p2p_clock_ms() - before_ms;
  CHECK(took_ms < 10000); /* with a timer of 5 ms it would take as long */
  if (getenv("P2P_TEST_TIMES") != NULL) printf("round trip: %.1f us\n", (double)took_ms / 2);
  finish(&scene);
}

#ifdef P2P_HAS_ASAN
/* Allocations of more than 64 MiB fail. */
const char *__asan_default_options(void) {
  return "allocator_may_return_null=1:max_allocation_size_mb=64";
}

#define LARGE_BYTES (256u * 1024 * 1024)

/* The kernel takes the start of the large write. Its rest cannot be queued, so the later write must
 * not follow it. */
static void write_too_much(void *arg) {
  struct scene *scene = arg;
  struct p2p_tcp *tcp = scene->client.tcp;
  void *bytes =
      mmap(NULL, LARGE_BYTES, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  CHECK(bytes != MAP_FAILED);
  CHECK(p2p_tcp_write(tcp, bytes, LARGE_BYTES) == P2P_ERR_MEMORY);
  CHECK(p2p_tcp_write(tcp, "later", 5) == P2P_ERR_CLOSED);
  munmap(bytes, LARGE_BYTES);
}

TEST(a_write_without_memory_ends_the_connection) {
  struct scene scene;
  begin(&scene);
  on_io(&scene, do_connect);
  wait_for_both(&scene);
  on_io(&scene, write_too_much);
  CHECK(wait_for(&scene, "client memory: the connection to 127.0.0.1:"));
  finish(&scene);
}
#else
TEST(a_write_without_memory_ends_the_connection) {}
#endif

UNIT_MAIN("tcp", UNIT(twenty_megabytes_come_back_as_they_were),
          UNIT(a_refused_connection_has_a_message),
          UNIT(an_invalid_host_or_port_is_refused_at_once), UNIT(all_addresses_of_a_name_are_tried),
          UNIT(an_unknown_name_is_reported), UNIT(a_connect_without_an_answer_times_out),
          UNIT(a_connection_may_be_freed_while_it_is_made),
          UNIT(a_connection_may_be_freed_in_each_callback), UNIT(the_end_of_the_peer_is_reported),
          UNIT(a_taken_descriptor_is_the_connection),
          UNIT(a_reset_is_reported_as_a_lost_connection),
          UNIT(finish_delivers_what_is_queued_though_the_peer_sends_meanwhile),
          UNIT(finish_does_not_wait_longer_than_its_linger),
          UNIT(writing_to_a_closed_connection_does_not_end_the_process),
          UNIT(a_write_without_memory_ends_the_connection),
          UNIT(a_listener_on_all_addresses_is_reached_by_ipv4), UNIT(this_machine_has_addresses),
          UNIT(a_round_trip_waits_for_no_timer))
