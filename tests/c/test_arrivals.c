/* Who is on a topic, for the log of a host. */
#include "board/arrivals.h"

#include "protocol/leave.h"
#include "unit.h"

static struct p2p_arrivals arrivals;
static struct p2p_hello_line seen;

static struct p2p_hello_line member(unsigned number) {
  struct p2p_hello_line hello = {.role = P2P_ROLE_CLIENT};
  snprintf(hello.from.id, sizeof hello.from.id, "%032x", number);
  snprintf(hello.from.name, sizeof hello.from.name, "carol@desk:%u", number + 1);
  snprintf(hello.r_version, sizeof hello.r_version, "4.2.2");
  snprintf(hello.future_version, sizeof hello.future_version, "1.69.0");
  return hello;
}

static enum p2p_arrivals_event arrive(unsigned number, time_t now) {
  struct p2p_hello_line hello = member(number);
  struct p2p_line line;
  CHECK(p2p_hello_line_write(&line, &hello, now) == P2P_OK);
  return p2p_arrivals_read(&arrivals, &line, now, &seen);
}

static enum p2p_arrivals_event leave(unsigned number, time_t now) {
  struct p2p_hello_line hello = member(number);
  struct p2p_line line;
  CHECK(p2p_leave_write(&line, &hello.from, now) == P2P_OK);
  return p2p_arrivals_read(&arrivals, &line, now, &seen);
}

TEST(a_member_arrives_once_and_leaves_once) {
  memset(&arrivals, 0, sizeof arrivals);
  CHECK(leave(1, 600) == P2P_ARRIVALS_NONE);
  CHECK(arrive(1, 600) == P2P_ARRIVALS_ARRIVED);
  CHECK_STR(seen.from.name, "carol@desk:2");
  CHECK(arrive(1, 601) == P2P_ARRIVALS_NONE);
  CHECK(arrive(2, 602) == P2P_ARRIVALS_ARRIVED);
  CHECK(leave(1, 603) == P2P_ARRIVALS_LEFT);
  CHECK_STR(seen.from.name, "carol@desk:2");
  CHECK(leave(1, 604) == P2P_ARRIVALS_NONE);
  CHECK(arrive(1, 605) == P2P_ARRIVALS_ARRIVED);
  struct p2p_line other = {0};
  CHECK(p2p_arrivals_read(&arrivals, &other, 606, &seen) == P2P_ARRIVALS_NONE);
}

TEST(members_that_are_made_up_do_not_fill_the_log) {
  memset(&arrivals, 0, sizeof arrivals);
  unsigned n_arrived = 0, n_many = 0;
  for (unsigned i = 0; i < 2 * P2P_ARRIVALS_MAX; i++) {
    enum p2p_arrivals_event event = arrive(i, 600);
    n_arrived += event == P2P_ARRIVALS_ARRIVED;
    n_many += event == P2P_ARRIVALS_MANY;
  }
  CHECK(n_arrived == P2P_ARRIVALS_PER_MINUTE_MAX && n_many == 1);
  CHECK(leave(2 * P2P_ARRIVALS_MAX - 1, 660) == P2P_ARRIVALS_LEFT);
  CHECK(leave(0, 660) == P2P_ARRIVALS_NONE); /* forgotten */
}

UNIT_MAIN("arrivals", UNIT(a_member_arrives_once_and_leaves_once),
          UNIT(members_that_are_made_up_do_not_fill_the_log))
