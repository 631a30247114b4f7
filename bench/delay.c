/* A TCP proxy on loopback that delays all bytes, as a long way does: delay MS PORT [MS PORT]...
 * For each pair it listens on a port of its own, which it prints, a line each, and connects to
 * PORT. The bytes of each direction arrive MS milliseconds later, however many they are: a
 * direction has a thread that reads and one that writes. It ends when its standard input does. */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define CHUNK (256 * 1024)
#define CHUNKS_MAX 256 /* on their way in one direction: 64 MiB */
#define TARGETS_MAX 8
#define NS_PER_S INT64_C(1000000000)

struct chunk {
  int64_t due_ns;
  ssize_t length; /* 0: the end */
  char *bytes;
};

struct direction {
  int from, to;
  int64_t delay_ns;
  struct chunk ring[CHUNKS_MAX];
  size_t first, count;
  pthread_mutex_t lock;
  pthread_cond_t changed;
};

static void die(const char *what) {
  perror(what);
  exit(1);
}

static int64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * NS_PER_S + now.tv_nsec;
}

static void *allocate(size_t size) {
  void *memory = calloc(1, size);
  if (memory == NULL) die("calloc");
  return memory;
}

static void *read_all(void *arg) {
  struct direction *direction = arg;
  ssize_t length;
  do {
    char *bytes = allocate(CHUNK);
    length = read(direction->from, bytes, CHUNK);
    if (length < 0) length = 0;
    struct chunk chunk = {now_ns() + direction->delay_ns, length, bytes};
    pthread_mutex_lock(&direction->lock);
    while (direction->count == CHUNKS_MAX) pthread_cond_wait(&direction->changed, &direction->lock);
    direction->ring[(direction->first + direction->count++) % CHUNKS_MAX] = chunk;
    pthread_cond_signal(&direction->changed);
    pthread_mutex_unlock(&direction->lock);
  } while (length > 0);
  return NULL;
}

static int write_chunk(int fd, const struct chunk *chunk) {
  for (ssize_t done = 0, n; done < chunk->length; done += n)
    if ((n = write(fd, chunk->bytes + done, (size_t)(chunk->length - done))) < 0) return -1;
  return 0;
}

/* Also goes on after an error, so that the reader does. The few sockets of a benchmark stay open
 * until the end. */
static void *write_all(void *arg) {
  struct direction *direction = arg;
  struct chunk chunk;
  do {
    pthread_mutex_lock(&direction->lock);
    while (direction->count == 0) pthread_cond_wait(&direction->changed, &direction->lock);
    chunk = direction->ring[direction->first];
    pthread_mutex_unlock(&direction->lock);
    struct timespec due = {chunk.due_ns / NS_PER_S, chunk.due_ns % NS_PER_S};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL);
    if (write_chunk(direction->to, &chunk) != 0) shutdown(direction->from, SHUT_RD);
    free(chunk.bytes);
    pthread_mutex_lock(&direction->lock);
    direction->first = (direction->first + 1) % CHUNKS_MAX;
    direction->count--;
    pthread_cond_signal(&direction->changed);
    pthread_mutex_unlock(&direction->lock);
  } while (chunk.length > 0);
  shutdown(direction->to, SHUT_WR);
  return NULL;
}

static void start(int from, int to, int64_t delay_ns) {
  struct direction *direction = allocate(sizeof(*direction));
  *direction = (struct direction){.from = from, .to = to, .delay_ns = delay_ns};
  pthread_mutex_init(&direction->lock, NULL);
  pthread_cond_init(&direction->changed, NULL);
  int on = 1;
  setsockopt(to, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  pthread_t thread;
  if (pthread_create(&thread, NULL, read_all, direction) != 0 ||
      pthread_create(&thread, NULL, write_all, direction) != 0)
    die("pthread_create");
}

static struct sockaddr_in loopback(int port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

static int listen_and_say(void) {
  struct sockaddr_in address = loopback(0);
  socklen_t size = sizeof(address);
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) != 0 || listen(fd, 64) != 0 ||
      getsockname(fd, (struct sockaddr *)&address, &size) != 0)
    die("listen");
  printf("%d\n", ntohs(address.sin_port));
  return fd;
}

static void take(int listener, int port, int delay_ms) {
  struct sockaddr_in address = loopback(port);
  int near = accept(listener, NULL, NULL), far = socket(AF_INET, SOCK_STREAM, 0);
  if (near < 0 || far < 0) die("accept");
  if (connect(far, (struct sockaddr *)&address, sizeof(address)) != 0) {
    close(near);
    close(far);
    return;
  }
  start(near, far, delay_ms * INT64_C(1000000));
  start(far, near, delay_ms * INT64_C(1000000));
}

int main(int argc, char **argv) {
  struct pollfd fds[1 + TARGETS_MAX] = {{.fd = STDIN_FILENO, .events = POLLIN}};
  nfds_t n = (nfds_t)(argc - 1) / 2;
  if (n < 1 || n > TARGETS_MAX) return 2;
  signal(SIGPIPE, SIG_IGN);
  for (nfds_t i = 1; i <= n; i++) fds[i] = (struct pollfd){listen_and_say(), POLLIN, 0};
  fflush(stdout);
  while (poll(fds, n + 1, -1) > 0 && fds[0].revents == 0)
    for (nfds_t i = 1; i <= n; i++)
      if (fds[i].revents != 0) take(fds[i].fd, atoi(argv[2 * i]), atoi(argv[2 * i - 1]));
  return 0;
}
