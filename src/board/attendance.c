/* When a member answers `who`. */
#include "board/attendance.h"

#include <stdbool.h>
#include <stdlib.h>

#include "base/clock.h"
#include "crypto/random.h"
#include "net/timer.h"

struct p2p_attendance {
  struct p2p_member *member;
  enum p2p_role role;
  void (*describe)(void *arg, struct p2p_here *here);
  void *arg;
  struct p2p_timer *timer; /* until the answer */
  bool is_due;             /* the timer runs */
  uint64_t started_ms, answered_ms;
};

/* An error means that the member is disconnected: whoever asked will ask again. */
static void answer(void *arg) {
  struct p2p_attendance *attendance = arg;
  struct p2p_line line;
  uint64_t now_ms = p2p_clock_ms(), up_s = (now_ms - attendance->started_ms) / 1000;
  struct p2p_here here = {.role = attendance->role,
                          .from = *p2p_member_identity(attendance->member),
                          .up_s = up_s < P2P_HERE_COUNT_MAX ? (uint32_t)up_s : P2P_HERE_COUNT_MAX};
  attendance->is_due = false;
  attendance->answered_ms = now_ms;
  if (attendance->describe != NULL) attendance->describe(attendance->arg, &here);
  if (p2p_here_write(&line, &here, time(NULL)) == P2P_OK)
    (void)p2p_member_send(attendance->member, &line);
}

struct p2p_attendance *p2p_attendance_new(struct p2p_loop *loop, struct p2p_member *member,
                                          enum p2p_role role,
                                          void (*describe)(void *arg, struct p2p_here *here),
                                          void *arg) {
  struct p2p_attendance *attendance = calloc(1, sizeof *attendance);
  if (attendance == NULL) return NULL;
  *attendance =
      (struct p2p_attendance){.member = member, .role = role, .describe = describe, .arg = arg};
  attendance->started_ms = p2p_clock_ms();
  attendance->timer = p2p_timer_new(loop, answer, attendance);
  if (attendance->timer == NULL) {
    free(attendance);
    return NULL;
  }
  return attendance;
}

void p2p_attendance_hear(struct p2p_attendance *attendance, const struct p2p_line *line) {
  if (attendance == NULL || attendance->is_due || p2p_who_read(line) != P2P_OK) return;
  uint64_t delay_ms = p2p_random_below(P2P_ATTENDANCE_DELAY_MS), now_ms = p2p_clock_ms();
  uint64_t until_ms = attendance->answered_ms + P2P_ATTENDANCE_PAUSE_MS;
  if (attendance->answered_ms > 0 && until_ms > now_ms + delay_ms) delay_ms = until_ms - now_ms;
  attendance->is_due = true;
  p2p_timer_start(attendance->timer, delay_ms, 0);
}

void p2p_attendance_free(struct p2p_attendance *attendance) {
  if (attendance == NULL) return;
  p2p_timer_free(attendance->timer);
  free(attendance);
}
