/* Our mailbox and relay as the Magic Wormhole programs in Debian use them: each sends a file to
 * itself and to the other. They run in a network namespace of their own where there is only
 * loopback: wormhole-william insists on the relay transit.magic-wormhole.io:4001, which there is
 * ours. What is not installed, or not possible here, is skipped. */
#define _GNU_SOURCE /* unshare */

#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "server/server.h"
#include "unit.h"

#define PYTHON                                                                 \
  "/usr/bin/python3 /usr/bin/wormhole --relay-url=ws://127.0.0.1:$MAILBOX/v1 " \
  "--transit-helper=tcp:127.0.0.1:$RELAY"
#define WILLIAM_SEND "wormhole-william send --hide-progress --relay-url ws://127.0.0.1:$MAILBOX/v1"
#define WILLIAM_RECEIVE                                                       \
  "echo y | timeout 30 wormhole-william receive --hide-progress --relay-url " \
  "ws://127.0.0.1:$MAILBOX/v1"

static char folder[] = "/tmp/p2p-wormhole-XXXXXX";

static bool write_file(const char *path, const char *text) {
  int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  bool is_written = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
  if (fd >= 0) close(fd);
  return is_written;
}

static bool bring_up_loopback(void) {
  struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  bool is_up = fd >= 0 && ioctl(fd, SIOCSIFFLAGS, &request) == 0;
  if (fd >= 0) close(fd);
  return is_up;
}

/* Before there is a second thread. */
static bool enter_namespace(void) {
  char map[64], hosts[64];
  unsigned user = (unsigned)getuid(), group = (unsigned)getgid();
  snprintf(hosts, sizeof hosts, "%s/hosts", folder);
  if (!write_file(hosts, "127.0.0.1 localhost transit.magic-wormhole.io\n")) return false;
  if (unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET) != 0) return false;
  snprintf(map, sizeof map, "0 %u 1", user);
  if (!write_file("/proc/self/setgroups", "deny") || !write_file("/proc/self/uid_map", map))
    return false;
  snprintf(map, sizeof map, "0 %u 1", group);
  return write_file("/proc/self/gid_map", map) && bring_up_loopback() &&
         mount(hosts, "/etc/hosts", NULL, MS_BIND, NULL) == 0;
}

/* What the script prints is in the folder's log until the next one runs. */
static int run(const char *script) {
  char line[4096];
  snprintf(line, sizeof line, "cd %s && { %s; } > log 2>&1", folder, script);
  pid_t pid = fork();
  if (pid == 0) {
    execl("/bin/sh", "sh", "-c", line, (char *)NULL);
    _exit(127);
  }
  int status;
  return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* The sender in the background, the receiver in an empty folder, and the two files compared. */
static int pass_file(const char *send, const char *receive) {
  char script[2048];
  snprintf(script, sizeof script,
           "rm -rf got; mkdir got; timeout 30 %s file & (cd got; %s); code=$?; wait $! && test "
           "$code = 0 && cmp file got/file",
           send, receive);
  return run(script);
}

static const struct {
  const char *needs, *name, *send, *receive;
} ways[] = {
    {"test -x /usr/bin/wormhole", "Python to Python", PYTHON " send --hide-progress --code 7-a-b",
     "timeout 30 " PYTHON " receive --hide-progress --accept-file 7-a-b"},
    {"test -x /usr/bin/wormhole", "Python to Python over the relay",
     PYTHON " send --no-listen --hide-progress --code 8-a-b",
     "timeout 30 " PYTHON " receive --no-listen --hide-progress --accept-file 8-a-b"},
    {"command -v wormhole-william", "william to william", WILLIAM_SEND " --code 9-a-b",
     WILLIAM_RECEIVE " 9-a-b"},
    {"command -v wormhole-william && test -x /usr/bin/wormhole", "Python to william",
     PYTHON " send --hide-progress --code 10-a-b", WILLIAM_RECEIVE " 10-a-b"},
    {"command -v wormhole-william && test -x /usr/bin/wormhole", "william to Python",
     WILLIAM_SEND " --code 11-a-b",
     "timeout 30 " PYTHON " receive --hide-progress --accept-file 11-a-b"},
};

int main(void) {
  int passed = 0, failed = 0, skipped = 0;
  char key[64], port[16];
  struct p2p_err err;
  struct p2p_loop *loop = NULL;
  struct p2p_server *server = NULL;
  struct p2p_log_queue *log = p2p_log_queue_new(100);
  bool is_alone = mkdtemp(folder) != NULL && enter_namespace();
  snprintf(key, sizeof key, "%s/key", folder);
  struct p2p_server_config config = {
      .address = "127.0.0.1", .relay_port = is_alone ? 4001 : 0, .host_key = key, .users = ""};
  if (p2p_loop_start(&loop, &err) != P2P_OK) return 1;
  config.loop = loop;
  if (p2p_server_new(&config, log, &server, &err) != P2P_OK) {
    fprintf(stderr, "%s\n", err.message);
    return 1;
  }
  snprintf(port, sizeof port, "%u", (unsigned)p2p_server_mailbox_port(server));
  setenv("MAILBOX", port, 1);
  snprintf(port, sizeof port, "%u", (unsigned)p2p_server_relay_port(server));
  setenv("RELAY", port, 1);
  CHECK(run("head -c 1000000 /dev/urandom > file") == 0);
  for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
    bool needs_to_be_alone = strstr(ways[i].needs, "william") != NULL;
    bool is_possible = (is_alone || !needs_to_be_alone) && run(ways[i].needs) == 0;
    bool is_good = is_possible && pass_file(ways[i].send, ways[i].receive) == 0;
    if (!is_possible)
      fprintf(stderr, "skipped wormhole_clients: %s\n", ways[i].name);
    else if (!is_good)
      fprintf(stderr, "FAILED wormhole_clients: %s\n", ways[i].name);
    *(!is_possible ? &skipped : is_good ? &passed : &failed) += 1;
  }
  p2p_server_free(server);
  p2p_loop_stop(loop);
  p2p_log_queue_unref(log);
  CHECK(run("rm -rf ./*") == 0);
  printf("units wormhole_clients: %d passed, %d failed, %d skipped\n", passed, failed + unit_bad,
         skipped);
  return failed + unit_bad != 0 || rmdir(folder) != 0;
}
