/* Answers `who`: a member that hears it writes `here`, after a short random delay, once for all who
 * ask meanwhile, and at most four times a second. io thread only. */
#ifndef P2P_BOARD_ATTENDANCE_H
#define P2P_BOARD_ATTENDANCE_H

#include "board/member.h"
#include "protocol/here.h"

#define P2P_ATTENDANCE_DELAY_MS 200 /* at most, of the first answer */
#define P2P_ATTENDANCE_PAUSE_MS 250

struct p2p_attendance;

/* `member` is borrowed. `describe`: adds what a worker reports; role, from and up_s are filled in.
 * NULL: nothing is added. The member counts as started now. NULL: out of memory. */
struct p2p_attendance *p2p_attendance_new(struct p2p_loop *loop, struct p2p_member *member,
                                          enum p2p_role role,
                                          void (*describe)(void *arg, struct p2p_here *here),
                                          void *arg);
/* A line of another member. Ignores all but `who`. Takes NULL. */
void p2p_attendance_hear(struct p2p_attendance *attendance, const struct p2p_line *line);
void p2p_attendance_free(struct p2p_attendance *attendance); /* takes NULL */

#endif
