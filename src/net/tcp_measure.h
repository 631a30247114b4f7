/* What the kernel has measured of a TCP connection. io thread only. */
#ifndef P2P_NET_TCP_MEASURE_H
#define P2P_NET_TCP_MEASURE_H

#include <stdint.h>

#include "net/tcp.h"

/* 0: not known, as on systems other than Linux. */
struct p2p_tcp_measure {
  uint32_t round_trip_us;
  uint64_t bytes_per_second; /* at which the other end took the bytes that were sent last */
};

/* `tcp`: NULL means that nothing is known. */
void p2p_tcp_measure(const struct p2p_tcp *tcp, struct p2p_tcp_measure *out);

#endif
