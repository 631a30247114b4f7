/* Who is on a topic, as far as hellos and leaves tell: a host logs it. Members that end without a
 * leave are forgotten when others need their place. Pure. */
#ifndef P2P_BOARD_ARRIVALS_H
#define P2P_BOARD_ARRIVALS_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "protocol/hello_line.h"

#define P2P_ARRIVALS_MAX 1024          /* members that are remembered */
#define P2P_ARRIVALS_PER_MINUTE_MAX 60 /* events that are reported: members can make up others */

enum p2p_arrivals_event {
  P2P_ARRIVALS_NONE,    /* another line, or nothing new */
  P2P_ARRIVALS_ARRIVED, /* *hello is set */
  P2P_ARRIVALS_LEFT,    /* of *hello, only `from` is set */
  P2P_ARRIVALS_MANY     /* more than are reported in this minute; once a minute */
};

struct p2p_arrivals {
  char ids[P2P_ARRIVALS_MAX][P2P_IDENTITY_ID_MAX]; /* "": free */
  size_t next;                                     /* the place that is used next */
  time_t minute;
  size_t n_reported; /* in this minute */
};

/* `arrivals` starts as zeros. `now` in seconds, of any clock. */
enum p2p_arrivals_event p2p_arrivals_read(struct p2p_arrivals *arrivals,
                                          const struct p2p_line *line, time_t now,
                                          struct p2p_hello_line *hello);

#endif
