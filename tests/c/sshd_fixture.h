/* A place for tests that need keys and an SSH server: a temporary directory, throwaway keys,
 * OpenSSH's sshd on a free loopback port, and waiting for what the io thread does, with a bound. */
#ifndef P2P_TESTS_SSHD_FIXTURE_H
#define P2P_TESTS_SSHD_FIXTURE_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log_queue.h"
#include "unit.h"

#define SITE_WAIT_MS 60000

struct site {
  char dir[64];
  pid_t sshd;
  int errors; /* what sshd says */
  uint16_t port;
};

/* ---- files and programs ---- */

static inline const char *site_path(const struct site *site, const char *name) {
  static char paths[8][160];
  static unsigned next;
  char *path = paths[next++ % 8];
  snprintf(path, sizeof paths[0], "%s/%s", site->dir, name);
  return path;
}

static inline void site_write(const struct site *site, const char *name, const char *format, ...)
    P2P_PRINTF(3, 4);
static inline void site_write(const struct site *site, const char *name, const char *format, ...) {
  FILE *file = fopen(site_path(site, name), "w");
  va_list args;
  CHECK(file != NULL);
  if (file == NULL) return;
  va_start(args, format);
  vfprintf(file, format, args);
  va_end(args);
  fclose(file);
}

static inline void site_read(const struct site *site, const char *name, char *out, size_t size) {
  FILE *file = fopen(site_path(site, name), "r");
  size_t length = file == NULL ? 0 : fread(out, 1, size - 1, file);
  out[length] = '\0';
  if (file != NULL) fclose(file);
}

static inline int site_run(const char *const *argv) {
  pid_t pid = fork();
  if (pid == 0) {
    int null = open("/dev/null", O_RDWR);
    dup2(null, 0);
    dup2(null, 1);
    execvp(argv[0], (char *const *)argv);
    _exit(127);
  }
  int status = -1;
  waitpid(pid, &status, 0);
  return status;
}

/* A key pair NAME, NAME.pub without, or with, a passphrase. */
static inline void site_key(const struct site *site, const char *name, const char *passphrase) {
  const char *argv[] = {"ssh-keygen", "-q", "-t", "ed25519", "-N",
                        passphrase,   "-C", name, "-f",      site_path(site, name),
                        NULL};
  CHECK(site_run(argv) == 0);
}

/* "ssh-ed25519 AAAA..." */
static inline void site_public_key(const struct site *site, const char *name, char *out,
                                   size_t size) {
  char file[80];
  snprintf(file, sizeof file, "%s.pub", name);
  site_read(site, file, out, size);
  char *comment = strchr(out, ' ');
  if (comment != NULL) comment = strchr(comment + 1, ' ');
  if (comment != NULL) *comment = '\0';
}

static inline void site_open(struct site *site) {
  memset(site, 0, sizeof *site);
  snprintf(site->dir, sizeof site->dir, "/tmp/p2p-test-XXXXXX");
  CHECK(mkdtemp(site->dir) != NULL);
  unsetenv("SSH_AUTH_SOCK"); /* whatever agent the developer has is none of ours */
}

static inline void site_stop_sshd(struct site *site) {
  if (site->sshd > 0) {
    kill(-site->sshd, SIGTERM);
    waitpid(site->sshd, NULL, 0);
    close(site->errors);
  }
  site->sshd = 0;
}

static inline void site_close(struct site *site) {
  site_stop_sshd(site);
  const char *argv[] = {"rm", "-rf", site->dir, NULL};
  CHECK(site_run(argv) == 0);
}

/* A port that was free a moment ago. */
static inline uint16_t site_free_port(void) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof address;
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  CHECK(bind(fd, (struct sockaddr *)&address, sizeof address) == 0);
  CHECK(getsockname(fd, (struct sockaddr *)&address, &length) == 0);
  close(fd);
  return ntohs(address.sin_port);
}

static inline bool site_await_text(int fd, const char *text) {
  char said[8192];
  size_t used = 0;
  struct pollfd ready = {.fd = fd, .events = POLLIN};
  while (used < sizeof said - 1 && poll(&ready, 1, SITE_WAIT_MS) == 1) {
    ssize_t length = read(fd, said + used, sizeof said - 1 - used);
    if (length <= 0) break;
    used += (size_t)length;
    said[used] = '\0';
    if (strstr(said, text) != NULL) return true;
  }
  said[used] = '\0';
  fprintf(stderr, "%s", said);
  return false;
}

/* sshd with the host key HOST, its certificate if there is one, and HOST_rsa if there is one;
 * authorized_keys is in the directory. Its children are in its process group. */
static inline void site_start_sshd(struct site *site, const char *host) {
  int errors[2];
  char path[180], more[420] = "";
  snprintf(path, sizeof path, "%s-cert.pub", site_path(site, host));
  if (access(path, F_OK) == 0) snprintf(more, sizeof more, "HostCertificate %s\n", path);
  snprintf(path, sizeof path, "%s_rsa", site_path(site, host));
  if (access(path, F_OK) == 0)
    snprintf(more + strlen(more), sizeof more - strlen(more), "HostKey %s\n", path);
  site->port = site->port == 0 ? site_free_port() : site->port;
  site_write(site, "sshd_config",
             "ListenAddress 127.0.0.1:%u\nHostKey %s\nAuthorizedKeysFile %s\nPidFile none\nUsePAM "
             "no\nStrictModes no\n"
             "PasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin "
             "yes\nLogLevel INFO\n%s",
             site->port, site_path(site, host), site_path(site, "authorized_keys"), more);
  mkdir("/run/sshd", 0755);
  CHECK(pipe(errors) == 0);
  pid_t pid = fork();
  if (pid == 0) {
    setpgid(0, 0);
    dup2(errors[1], 2);
    close(errors[0]);
    close(errors[1]);
    execl("/usr/sbin/sshd", "/usr/sbin/sshd", "-D", "-e", "-f", site_path(site, "sshd_config"),
          (char *)NULL);
    _exit(127);
  }
  setpgid(pid, pid);
  close(errors[1]);
  site->sshd = pid;
  CHECK(site_await_text(errors[0], "Server listening"));
  fcntl(errors[0], F_SETFD, FD_CLOEXEC);
  site->errors = errors[0]; /* kept open: sshd says little, but would die of a broken pipe */
}

/* ---- waiting for the io thread ---- */

struct site_gate {
  pthread_mutex_t lock;
  pthread_cond_t moved;
};

#define SITE_GATE \
  { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER }

/* Waits until *counter is at least `least`; counters change under the lock. */
static inline bool site_wait(struct site_gate *gate, const int *counter, int least) {
  struct timespec until;
  clock_gettime(CLOCK_REALTIME, &until);
  until.tv_sec += SITE_WAIT_MS / 1000;
  pthread_mutex_lock(&gate->lock);
  int bad = 0;
  while (*counter < least && bad == 0)
    bad = pthread_cond_timedwait(&gate->moved, &gate->lock, &until);
  bool came = *counter >= least;
  pthread_mutex_unlock(&gate->lock);
  return came;
}

static inline void site_count(struct site_gate *gate, int *counter) {
  pthread_mutex_lock(&gate->lock);
  (*counter)++;
  pthread_cond_broadcast(&gate->moved);
  pthread_mutex_unlock(&gate->lock);
}

/* Reads lines of `queue` until one contains `text`; false when none does in time. */
static inline bool logs_on(struct p2p_log_queue *queue, const char *text) {
  struct p2p_log_line event;
  while (p2p_log_queue_next(queue, SITE_WAIT_MS, &event)) {
    if (getenv("P2P_TEST_SHOW") != NULL) fprintf(stderr, "[%d] %s\n", event.level, event.text);
    if (strstr(event.text, text) != NULL) return true;
  }
  fprintf(stderr, "not logged: %s\n", text);
  return false;
}

#endif
