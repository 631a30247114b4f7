/* A TCP proxy on loopback for tests that break a link at a chosen byte. `up` are the bytes from
 * those who connect to it, `down` those of the port that it leads to; each connection has both. It
 * reads commands from standard input, one a line, and says what has happened, one a line:
 *
 *   up N hold     after N more bytes up, no more go up until `go`; it says "held"
 *   up N break    after N more bytes up, all connections end; it says "broken"
 *   down N ...    the same for the other direction
 *   go            what was held goes on, and no rule counts any more
 *   break         all connections end now; it says "broken"
 *   count         it says "up N down M": the bytes so far
 *
 * Loaded into R: .C("break_links", port). Returns at the end of standard input. */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CHUNK 65536
#define SOCKETS_MAX 256
enum { UP, DOWN };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards all of these */
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int sockets[SOCKETS_MAX], n_sockets;
static unsigned long long passed[2];
static struct {
  long long left; /* bytes until it acts; -1: there is no rule */
  int breaks, holds;
} rules[2] = {{-1, 0, 0}, {-1, 0, 0}};

struct direction {
  int from, to, which;
};

static void say(const char *text) {
  puts(text);
  fflush(stdout);
}

static void forget_rules_locked(void) {
  for (int i = 0; i < 2; i++) rules[i].left = -1, rules[i].holds = 0;
  pthread_cond_broadcast(&changed);
}

/* The sockets stay open until the end, since threads use them. */
static void break_all_locked(void) {
  for (int i = 0; i < n_sockets; i++) shutdown(sockets[i], SHUT_RDWR);
  n_sockets = 0;
  forget_rules_locked();
  say("broken");
}

/* How many of so many bytes may pass now, after waiting; 0: none, all connections have ended. */
static ssize_t admit(int which, ssize_t length) {
  pthread_mutex_lock(&lock);
  if (rules[which].left == 0) {
    if (rules[which].breaks) {
      break_all_locked();
      pthread_mutex_unlock(&lock);
      return 0;
    }
    if (!rules[which].holds) say("held");
    rules[which].holds = 1;
    while (rules[which].holds) pthread_cond_wait(&changed, &lock);
  }
  if (rules[which].left > 0) {
    if (length > rules[which].left) length = (ssize_t)rules[which].left;
    rules[which].left -= length;
  }
  passed[which] += (unsigned long long)length;
  pthread_mutex_unlock(&lock);
  return length;
}

static int write_all(int to, const char *bytes, ssize_t length) {
  for (ssize_t n; length > 0; bytes += n, length -= n)
    if ((n = write(to, bytes, (size_t)length)) <= 0) return -1;
  return 0;
}

static void *pump(void *arg) {
  struct direction direction = *(struct direction *)arg;
  char bytes[CHUNK];
  ssize_t length = 0, n = 0;
  free(arg);
  while ((length = read(direction.from, bytes, CHUNK)) > 0) {
    for (ssize_t at = 0; at < length; at += n) {
      n = admit(direction.which, length - at);
      if (n == 0 || write_all(direction.to, bytes + at, n) != 0) goto end;
    }
  }
end:
  shutdown(direction.from, SHUT_RD);
  shutdown(direction.to, SHUT_WR);
  return NULL;
}

static void start(int from, int to, int which) {
  struct direction *direction = malloc(sizeof *direction);
  pthread_t thread;
  *direction = (struct direction){from, to, which};
  setsockopt(to, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
  if (pthread_create(&thread, NULL, pump, direction) == 0) pthread_detach(thread);
}

static struct sockaddr_in loopback(int port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

static void take(int listener, int port) {
  struct sockaddr_in address = loopback(port);
  int near = accept(listener, NULL, NULL), far = socket(AF_INET, SOCK_STREAM, 0);
  if (near < 0 || far < 0) return;
  if (connect(far, (struct sockaddr *)&address, sizeof address) != 0) {
    close(near);
    close(far);
    return;
  }
  pthread_mutex_lock(&lock);
  if (n_sockets + 2 <= SOCKETS_MAX) sockets[n_sockets++] = near, sockets[n_sockets++] = far;
  pthread_mutex_unlock(&lock);
  start(near, far, UP);
  start(far, near, DOWN);
}

static void obey(const char *line) {
  char which[8] = "", action[8] = "";
  long long bytes;
  pthread_mutex_lock(&lock);
  if (sscanf(line, "%7s %lld %7s", which, &bytes, action) == 3) {
    int i = strcmp(which, "up") == 0 ? UP : DOWN;
    rules[i].left = bytes;
    rules[i].breaks = strcmp(action, "break") == 0;
  } else if (strncmp(line, "break", 5) == 0) {
    break_all_locked();
  } else if (strncmp(line, "go", 2) == 0) {
    forget_rules_locked();
  } else {
    printf("up %llu down %llu\n", passed[UP], passed[DOWN]);
    fflush(stdout);
  }
  pthread_mutex_unlock(&lock);
}

void break_links(int *port) {
  struct sockaddr_in address = loopback(0);
  socklen_t size = sizeof address;
  int listener = socket(AF_INET, SOCK_STREAM, 0);
  /* What is held or broken is not in the buffers of the system, which could have megabytes. */
  setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &(int){CHUNK}, sizeof(int));
  if (listener < 0 || bind(listener, (struct sockaddr *)&address, size) != 0 ||
      listen(listener, 64) != 0 || getsockname(listener, (struct sockaddr *)&address, &size) != 0)
    return;
  signal(SIGPIPE, SIG_IGN);
  printf("port %d\n", ntohs(address.sin_port));
  fflush(stdout);
  struct pollfd fds[2] = {{STDIN_FILENO, POLLIN, 0}, {listener, POLLIN, 0}};
  char line[80];
  size_t length = 0;
  while (poll(fds, 2, -1) > 0) {
    if (fds[1].revents != 0) take(listener, *port);
    if (fds[0].revents == 0) continue;
    if (read(STDIN_FILENO, line + length, 1) != 1) return;
    if (line[length] != '\n' && length + 2 < sizeof line) {
      length++;
      continue;
    }
    line[length] = '\0';
    length = 0;
    obey(line);
  }
}
