/* Who is on a topic, from hellos and leaves. */
#include "board/arrivals.h"

#include <stdio.h>
#include <string.h>

#include "protocol/leave.h"

static char *find(struct p2p_arrivals *arrivals, const char *id) {
  for (size_t i = 0; i < P2P_ARRIVALS_MAX; i++)
    if (strcmp(arrivals->ids[i], id) == 0) return arrivals->ids[i];
  return NULL;
}

static void add(struct p2p_arrivals *arrivals, const char *id) {
  snprintf(arrivals->ids[arrivals->next], P2P_IDENTITY_ID_MAX, "%s", id);
  arrivals->next = (arrivals->next + 1) % P2P_ARRIVALS_MAX;
}

static enum p2p_arrivals_event limit(struct p2p_arrivals *arrivals, time_t now,
                                     enum p2p_arrivals_event event) {
  if (now / 60 != arrivals->minute) arrivals->n_reported = 0;
  arrivals->minute = now / 60;
  if (arrivals->n_reported > P2P_ARRIVALS_PER_MINUTE_MAX) return P2P_ARRIVALS_NONE;
  return arrivals->n_reported++ < P2P_ARRIVALS_PER_MINUTE_MAX ? event : P2P_ARRIVALS_MANY;
}

enum p2p_arrivals_event p2p_arrivals_read(struct p2p_arrivals *arrivals,
                                          const struct p2p_line *line, time_t now,
                                          struct p2p_hello_line *hello) {
  char *known;
  if (p2p_leave_read(line, &hello->from) == P2P_OK) {
    known = find(arrivals, hello->from.id);
    if (known == NULL) return P2P_ARRIVALS_NONE;
    known[0] = '\0';
    return limit(arrivals, now, P2P_ARRIVALS_LEFT);
  }
  if (p2p_hello_line_read(line, hello) != P2P_OK || find(arrivals, hello->from.id) != NULL)
    return P2P_ARRIVALS_NONE;
  add(arrivals, hello->from.id);
  return limit(arrivals, now, P2P_ARRIVALS_ARRIVED);
}
