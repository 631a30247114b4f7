/* Attempts to reach others over sockets and terminals. */
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <linux/netlink.h>
#include <net/ethernet.h>
#include <poll.h>
#include <sys/ioctl.h>

#define WORD "escaped"

static void talk(int fd, const void *address, socklen_t length) {
  char text[256];
  struct pollfd readable = {.fd = fd, .events = POLLIN};
  if (fd < 0 || connect(fd, address, length) != 0) return;
  if (send(fd, WORD, sizeof WORD, MSG_NOSIGNAL) < 0) return;
  if (poll(&readable, 1, 300) <= 0) return;
  ssize_t got = recv(fd, text, sizeof text, MSG_DONTWAIT);
  if (got > 0) show(text, got);
}

static void talk_four(int type, const char *port) {
  const struct sockaddr_in to = {.sin_family = AF_INET,
                                 .sin_port = htons((uint16_t)fact_number(port)),
                                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  talk(socket(AF_INET, type, 0), &to, sizeof to);
}
static void talk_six(int type, const char *port) {
  const struct sockaddr_in6 to = {.sin6_family = AF_INET6,
                                  .sin6_port = htons((uint16_t)fact_number(port)),
                                  .sin6_addr = IN6ADDR_LOOPBACK_INIT};
  talk(socket(AF_INET6, type, 0), &to, sizeof to);
}
static void tcp4(void) { talk_four(SOCK_STREAM, "TCP4"); }
static void tcp6(void) { talk_six(SOCK_STREAM, "TCP6"); }
static void udp4(void) { talk_four(SOCK_DGRAM, "UDP4"); }
static void udp6(void) { talk_six(SOCK_DGRAM, "UDP6"); }

/* For whoever connects from outside. */
static void listen_tcp(void) {
  const struct sockaddr_in at = {.sin_family = AF_INET,
                                 .sin_port = htons((uint16_t)fact_number("LISTEN"))};
  int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (bind(fd, (const struct sockaddr *)&at, sizeof at) == 0 && listen(fd, 4) == 0 && fork() == 0) {
    int client = accept(fd, NULL, NULL);
    dprintf(client, "%s\n", WORD);
    _exit(0);
  }
  hold();
}

static struct sockaddr_un unix_path(const char *name) {
  struct sockaddr_un to = {.sun_family = AF_UNIX};
  snprintf(to.sun_path, sizeof to.sun_path, "%s", path_in(fact("HOME"), name));
  return to;
}
static void agent(void) { /* as ssh-add does: where $SSH_AUTH_SOCK of the lender points to */
  const struct sockaddr_un to = unix_path("agent");
  talk(socket(AF_UNIX, SOCK_STREAM, 0), &to, sizeof to);
}
static void unix_pair(void) { /* without socket() */
  const struct sockaddr_un to = unix_path("pair");
  int pair[2] = {-1, -1};
  if (socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) == 0) talk(pair[0], &to, sizeof to);
}
static void abstract(void) {
  struct sockaddr_un to = {.sun_family = AF_UNIX};
  snprintf(to.sun_path + 1, sizeof to.sun_path - 1, "%s", fact("TOKEN"));
  talk(socket(AF_UNIX, SOCK_STREAM, 0), &to, sizeof to);
}
static void netlink(void) {
  const struct sockaddr_nl to = {.nl_family = AF_NETLINK, .nl_pid = (uint32_t)fact_number("PID")};
  talk(socket(AF_NETLINK, SOCK_RAW, NETLINK_USERSOCK), &to, sizeof to);
}

/* What others send to each other. */
static void packet(void) {
  char text[2048];
  int fd = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
  struct pollfd readable = {.fd = fd, .events = POLLIN};
  for (int i = 0; fd >= 0 && i < 200 && poll(&readable, 1, 500) > 0; i++) {
    ssize_t length = recv(fd, text, sizeof text, MSG_DONTWAIT);
    if (length <= 0 || memmem(text, (size_t)length, "packet-", 7) == NULL) continue;
    show(text, length);
    return;
  }
}

/* A socket that io_uring makes, which no filter of socket() sees. */
static void ring_socket(void) {
  char parameters[256] = {0};
  syscall(425 /* io_uring_setup */, 4, parameters);
  hold();
}

/* ---- the terminal of the supervisor ---- */

static int open_terminal(int flags) {
  int fd = open("/dev/tty", flags | O_NONBLOCK | O_NOCTTY);
  if (fd < 0) fd = open(fact("TERMINAL"), flags | O_NONBLOCK | O_NOCTTY);
  return fd;
}
static void type_into_terminal(void) {
  int fd = open_terminal(O_RDWR);
  for (const char *text = fact("TYPED"); *text != '\0'; text++) ioctl(fd, TIOCSTI, text);
  (void)!ioctl(fd, TIOCSTI, "\n");
}
static void write_to_terminal(void) {
  dprintf(open_terminal(O_WRONLY), "\033]0;%s\a\n", fact("SHOWN"));
}
static void read_terminal(void) { /* what its lender types meanwhile */
  int fd = open_terminal(O_RDONLY);
  struct pollfd readable = {.fd = fd, .events = POLLIN};
  close(open(path_in(fact("DROP"), "reads_terminal"), O_WRONLY | O_CREAT, 0600));
  if (fd >= 0 && poll(&readable, 1, 3000) > 0) print_file(fd);
}

static const struct attempt on_sockets[] = {ATTEMPT(tcp4),
                                            ATTEMPT(tcp6),
                                            ATTEMPT(udp4),
                                            ATTEMPT(udp6),
                                            ATTEMPT(listen_tcp),
                                            ATTEMPT(agent),
                                            ATTEMPT(unix_pair),
                                            ATTEMPT(abstract),
                                            ATTEMPT(netlink),
                                            ATTEMPT(packet),
                                            ATTEMPT(ring_socket),
                                            ATTEMPT(type_into_terminal),
                                            ATTEMPT(write_to_terminal),
                                            ATTEMPT(read_terminal)};
