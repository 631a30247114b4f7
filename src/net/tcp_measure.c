/* TCP_INFO of Linux, tcp(7). The rate is there since Linux 4.9, in a header of Linux
 * that cannot be included beside that of libuv. */
#include "net/tcp_measure.h"

#ifdef __linux__
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

void p2p_tcp_measure(const struct p2p_tcp *tcp, struct p2p_tcp_measure *out) {
  struct tcp_info info = {0};
  socklen_t length = sizeof info;
  int fd = tcp != NULL ? p2p_tcp_fd(tcp) : -1;
  *out = (struct p2p_tcp_measure){0};
  if (fd < 0 || getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) != 0) return;
  out->round_trip_us = info.tcpi_rtt;
  out->bytes_per_second = info.tcpi_delivery_rate; /* 0, if the kernel has written less */
}

#else

void p2p_tcp_measure(const struct p2p_tcp *tcp, struct p2p_tcp_measure *out) {
  (void)tcp;
  *out = (struct p2p_tcp_measure){0};
}

#endif
