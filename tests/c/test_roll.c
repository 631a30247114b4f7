/* Who is there: the client's list of answers, and when members answer. On a fake board. */
#include "client/roll.h"

#include <unistd.h>

#include "base/clock.h"
#include "client_fixture.h"

static struct p2p_roll roll;

/* A line of the member with this number. */
static void hear(const char *type, unsigned number, const char *more, uint64_t now_ms) {
  struct p2p_line line;
  char text[300];
  snprintf(text, sizeof text, "when=x,type=%s,from=carol@desk:%u,member=%032x%s", type, number,
           number, more);
  CHECK(p2p_line_parse(text, strlen(text), &line) == P2P_OK);
  p2p_roll_hear(&roll, &line, now_ms);
}

TEST(answers_count_after_a_question_only) {
  hear("here", 1, ",role=client", 1000);
  CHECK(roll.length == 0);
  p2p_roll_ask(&roll, 1000);
  hear("here", 1, ",role=client,up=5", 1000);
  hear("here", 2, ",role=cluster", 1200);
  hear("here", 1, ",role=client,up=6", 2000);
  hear("here", 3, ",role=emperor", 2000);
  CHECK(roll.length == 2 && roll.members[0].here.up_s == 6);
  CHECK(roll.members[0].heard_ms == 2000);
  hear("leave", 1, "", 2000);
  hear("leave", 9, "", 2000);
  CHECK(roll.length == 1 && roll.members[0].here.role == P2P_ROLE_HOST);
  hear("here", 4, ",role=client", 1001 + P2P_ROLL_LISTEN_MS);
  CHECK(roll.length == 1);
  p2p_roll_ask(&roll, 20000);
  CHECK(roll.length == 0);
  p2p_roll_clear(&roll);
}

TEST(made_up_members_are_limited) {
  p2p_roll_ask(&roll, 1000);
  for (unsigned i = 1; i <= P2P_ROLL_MAX + 100; i++) hear("here", i, ",role=client", 1000);
  CHECK(roll.length == P2P_ROLL_MAX);
  hear("here", 1, ",role=client,up=3", 1000);
  CHECK(roll.length == P2P_ROLL_MAX && roll.members[0].here.up_s == 3);
  p2p_roll_clear(&roll);
}

/* ---- a client that asks another one ---- */

static size_t wait_for_answers(struct p2p_client *asker, size_t n, struct p2p_roll_member *out) {
  uint64_t until_ms = p2p_clock_ms() + PATIENCE_MS;
  size_t found;
  while ((found = p2p_client_present(asker, out, 4)) < n && p2p_clock_ms() < until_ms)
    p2p_client_wait(asker, 0, 20), usleep(20000);
  return found;
}

TEST(a_client_answers_and_older_workers_do_not_mind) {
  struct fake_worker carol = {.slots = 2};
  struct p2p_client *asker;
  struct p2p_client_status status = {0};
  struct p2p_roll_member members[4];
  open_board();
  open_client((struct p2p_client_config){.slots_max = 1});
  asker = client;
  open_client((struct p2p_client_config){.slots_max = 1});
  fake_start(&carol, &lab, &member);
  for (int i = 0; i < 1000 && !status.joined; i++) {
    usleep(10000);
    p2p_client_status(asker, &status);
  }
  CHECK(status.joined && p2p_client_present(asker, members, 4) == 0);
  CHECK_STR(status.name, "bob@box:1");
  CHECK(p2p_client_ask(asker) == P2P_OK);
  CHECK(wait_for_answers(asker, 1, members) == 1);
  CHECK(members[0].here.role == P2P_ROLE_CLIENT);
  CHECK_STR(members[0].here.from.name, "bob@box:2");
  CHECK(p2p_client_ask(client) == P2P_OK && wait_for_answers(client, 1, members) == 1);
  CHECK_STR(members[0].here.from.name, "bob@box:1");
  p2p_client_free(asker);
  p2p_client_free(client);
  fake_stop(&carol);
  lab_close(&lab);
}

UNIT_MAIN("roll", UNIT(answers_count_after_a_question_only), UNIT(made_up_members_are_limited),
          UNIT(a_client_answers_and_older_workers_do_not_mind))
