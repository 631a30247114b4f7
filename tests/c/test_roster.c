/* The roster: workers from hostile lines, and compatible versions. */
#include "client/roster.h"

#include "unit.h"

#define KEY "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
#define CAROL "fedcba98765432100123456789abcdef"
#define OTHER "0123456789abcdeffedcba9876543210"
#define HELLO                                                                         \
  "when=2026-11-20T22:04:24,expires=1,type=worker,from=carol@desk:4711,member=" CAROL \
  ",protocols=link;wormhole,"                                                         \
  "key=" KEY

static struct p2p_roster roster;
static struct p2p_roster_worker *worker;

static enum p2p_roster_change receive(const char *text, uint64_t now_ms) {
  struct p2p_line line;
  CHECK(p2p_line_parse(text, strlen(text), &line) == P2P_OK);
  return p2p_roster_update(&roster, &line, now_ms, &worker);
}

TEST(a_worker_arrives_repeats_its_hello_and_leaves) {
  p2p_roster_init(&roster, "4.2.2");
  CHECK(receive(HELLO ",slots=2,r=4.3.1,future=1.70.0", 1000) == P2P_ROSTER_ADDED);
  CHECK_STR(worker->name, "carol@desk:4711");
  CHECK_STR(worker->member.id, CAROL);
  CHECK(worker->slots == 2 && worker->compatible && worker->key.bytes[31] == 31);
  CHECK(receive(HELLO ",slots=4,r=4.3.1,future=1.70.0", 2000) == P2P_ROSTER_UPDATED);
  CHECK(worker->slots == 4 && worker->last_seen_ms == 2000 && roster.length == 1);
  CHECK(receive("when=x,type=leave,from=carol@desk:4711,member=" OTHER, 0) == P2P_ROSTER_IGNORED);
  CHECK(receive("when=x,type=leave,from=carol@desk:1,member=" CAROL, 0) == P2P_ROSTER_LEFT);
  p2p_roster_remove(&roster, worker);
  CHECK(roster.length == 0);
  p2p_roster_clear(&roster);
}

TEST(a_worker_may_describe_its_machine) {
  p2p_roster_init(&roster, "4.2.2");
  CHECK(receive(HELLO ",slots=2,r=4.3.1,future=1.70.0", 0) == P2P_ROSTER_ADDED);
  CHECK(worker->machine.platform[0] == '\0' && worker->machine.cores == 0 &&
        worker->machine.memory_mib == 0);
  CHECK(receive(HELLO
                ",slots=2,r=4.3.1,future=1.70.0,platform=x86_64-pc-linux-gnu,cores=8,memory=16000",
                0) == P2P_ROSTER_UPDATED);
  CHECK_STR(worker->machine.platform, "x86_64-pc-linux-gnu");
  CHECK(worker->machine.cores == 8 && worker->machine.memory_mib == 16000);
  p2p_roster_clear(&roster);
}

TEST(a_line_in_the_name_of_a_linked_worker_changes_only_its_key) {
  p2p_roster_init(&roster, "4.2.2");
  CHECK(receive(HELLO ",slots=2,r=4.3.1,future=1.70.0", 1000) == P2P_ROSTER_ADDED);
  struct p2p_worker_link *some = (struct p2p_worker_link *)&roster;
  worker->link = some;
  worker->has_left = true;
  CHECK(receive("when=x,type=worker,from=carol@desk:4711,member=" CAROL
                ",protocols=link,slots=9,r=3.0.0,future=1.0.0,key="
                "BBECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8",
                2000) == P2P_ROSTER_UPDATED);
  CHECK(worker->link == some && worker->compatible && worker->slots == 2 &&
        worker->key.bytes[0] == 4 && !worker->has_left);
  p2p_roster_clear(&roster);
}

#define NAMESAKE(member)                                                              \
  "when=x,type=worker,from=carol@desk:4711,member=" member ",protocols=link,key=" KEY \
  ",slots=3,r=4.3.1,future=1.70.0"

TEST(workers_of_one_name_are_told_apart) {
  p2p_roster_init(&roster, "4.2.2");
  CHECK(receive(HELLO ",slots=2,r=4.3.1,future=1.70.0", 1000) == P2P_ROSTER_ADDED);
  struct p2p_roster_worker *first = worker;
  CHECK(receive(NAMESAKE(OTHER), 2000) == P2P_ROSTER_ADDED && roster.length == 2);
  CHECK(first->slots == 2 && first->last_seen_ms == 1000 && worker->slots == 3);
  CHECK_STR(first->name, "carol@desk:4711");
  CHECK_STR(worker->name, "carol@desk:4711#0123");
  CHECK(receive("when=x,type=leave,from=carol@desk:4711,member=" CAROL, 0) == P2P_ROSTER_LEFT &&
        worker == first);
  p2p_roster_remove(&roster, first);
  CHECK(receive(NAMESAKE(OTHER), 3000) == P2P_ROSTER_UPDATED);
  CHECK_STR(worker->name, "carol@desk:4711#0123"); /* as before: it is the same one */
  p2p_roster_clear(&roster);
}

TEST(a_worker_that_changes_its_name_is_the_same_worker) {
  p2p_roster_init(&roster, "4.2.2");
  CHECK(receive(HELLO ",slots=2,r=4.3.1,future=1.70.0", 1000) == P2P_ROSTER_ADDED);
  CHECK(receive("when=x,type=worker,from=carol@home:4711,member=" CAROL ",protocols=link,key=" KEY
                ",slots=2,r=4.3.1,future=1.70.0",
                2000) == P2P_ROSTER_UPDATED);
  CHECK_STR(worker->name, "carol@home:4711");
  CHECK(roster.length == 1);
  p2p_roster_clear(&roster);
}

static void receive_all(const char *const *lines, size_t n, enum p2p_roster_change change) {
  p2p_roster_init(&roster, "4.2.2");
  for (size_t i = 0; i < n; i++) {
    CHECK(receive(lines[i], 0) == change && worker == NULL);
    if (worker != NULL) fprintf(stderr, "%s\n", lines[i]);
  }
  CHECK(roster.length == 0);
  p2p_roster_clear(&roster);
}

TEST(other_lines_are_ignored) {
  static const char *const lines[] = {
      "when=x,type=worker,from=carol@desk:4711,member=" CAROL ",protocols=wormhole",
      "when=x,type=client,from=carol@desk:4711,member=" CAROL
      ",protocols=link,slots=1,r=4.2.2,future=1.70.0,"
      "key=" KEY,
      "when=x,from=carol@desk:4711,member=" CAROL
      ",protocols=link,slots=1,r=4.2.2,future=1.70.0,key=" KEY,
      "when=x,type=worker,from=carol@desk:1,member=" CAROL
      ",protocols=links;link2,slots=1,r=4.2.2,future=1.70.0,"
      "key=" KEY,
  };
  receive_all(lines, sizeof lines / sizeof lines[0], P2P_ROSTER_IGNORED);
}

TEST(malformed_hellos_are_reported) {
  static const char *const lines[] = {
      "when=x,type=worker,from=carol@desk:1,protocols=link,slots=1,r=4.2.2,future=1.70.0,key=" KEY,
      "when=x,type=worker,from=carol@desk:1,member=carol,protocols=link,slots=1,r=4.2.2,"
      "future=1.70.0,key=" KEY,
      "when=x,type=worker,member=" CAROL ",protocols=link,slots=1,r=4.2.2,future=1.70.0,key=" KEY,
      "when=x,type=worker,from=carol@desk,member=" CAROL
      ",protocols=link,slots=1,r=4.2.2,future=1.70.0,key=" KEY,
      "when=x,type=worker,from=carol@desk:,member=" CAROL
      ",protocols=link,slots=1,r=4.2.2,future=1.70.0,key=" KEY,
      "when=x,type=worker,from=carol@de sk:1,member=" CAROL
      ",protocols=link,slots=1,r=4.2.2,future=1.70.0,key=" KEY,
      "when=x,type=worker,from=@desk:1,member=" CAROL
      ",protocols=link,slots=1,r=4.2.2,future=1.70.0,key=" KEY,
      HELLO ",slots=0,r=4.2.2,future=1.70.0",
      HELLO ",slots=1,r=4.2.2,future=1.70.0,platform=x86 64",
      HELLO ",slots=1,r=4.2.2,future=1.70.0,platform=",
      HELLO ",slots=1,r=4.2.2,future=1.70.0,cores=0",
      HELLO ",slots=1,r=4.2.2,future=1.70.0,cores=65537",
      HELLO ",slots=1,r=4.2.2,future=1.70.0,memory=-1",
      HELLO ",slots=1,r=4.2.2,future=1.70.0,memory=1.5",
      HELLO ",slots=1025,r=4.2.2,future=1.70.0",
      HELLO ",slots=-1,r=4.2.2,future=1.70.0",
      HELLO ",slots=1x,r=4.2.2,future=1.70.0",
      HELLO ",slots=4294967297,r=4.2.2,future=1.70.0",
      HELLO ",r=4.2.2,future=1.70.0",
      HELLO ",slots=1,r=4,future=1.70.0",
      HELLO ",slots=1,r=4.2.,future=1.70.0",
      HELLO ",slots=1,r=4.2.2 (beta),future=1.70.0",
      HELLO ",slots=1,r=4.2.2,future=",
      HELLO ",slots=1,r=4.2.2,future=1.2.3.4.5.6.7.8.9",
      HELLO ",slots=1,r=4.1234567890,future=1.70.0",
      "when=x,type=worker,from=carol@desk:1,member=" CAROL
      ",protocols=link,slots=1,r=4.2.2,future=1.70.0,key=AAEC",
      "when=x,type=worker,from=carol@desk:1,member=" CAROL
      ",protocols=link,slots=1,r=4.2.2,future=1.70.0,key=" KEY "AA",
      "when=x,type=worker,from=carol@desk:1,member=" CAROL
      ",protocols=link,slots=1,r=4.2.2,future=1.70.0,key=" KEY "!",
  };
  receive_all(lines, sizeof lines / sizeof lines[0], P2P_ROSTER_MALFORMED);
}

TEST(incompatible_versions_are_explained) {
  p2p_roster_init(&roster, "4.2.2");
  CHECK(receive(HELLO ",slots=1,r=4.2.2,future=1.33.0", 0) == P2P_ROSTER_ADDED);
  CHECK(!worker->compatible);
  CHECK_STR(roster.incompatible_why,
            "worker 'carol@desk:4711' has future 1.33.0, but future >= 1.69.0 is needed");
  CHECK(receive(HELLO ",slots=1,r=3.6.3,future=1.70.0", 0) == P2P_ROSTER_UPDATED);
  CHECK_STR(roster.incompatible_why,
            "worker 'carol@desk:4711' has R 3.6.3, but R >= 4.0 is needed");
  CHECK(receive(HELLO ",slots=1,r=5.0.0,future=1.70.0", 0) == P2P_ROSTER_UPDATED);
  CHECK_STR(roster.incompatible_why,
            "worker 'carol@desk:4711' has R 5.0.0, but the major version of R 4.2.2 is needed");
  CHECK(receive(HELLO ",slots=1,r=4.0.0,future=1.69.0-9001", 0) == P2P_ROSTER_UPDATED);
  CHECK(worker->compatible);
  struct p2p_err err;
  CHECK(p2p_roster_set_versions(&roster, worker, "4.2.2", "1.68.0", &err) == P2P_ERR_VERSION);
  CHECK(!worker->compatible);
  CHECK(p2p_roster_set_versions(&roster, worker, "4.2.2", "1.80.0", &err) == P2P_OK);
  CHECK(worker->compatible);
  p2p_roster_clear(&roster);
}

TEST(a_silent_worker_without_a_link_is_removed) {
  p2p_roster_init(&roster, "4.2.2");
  CHECK(p2p_roster_expire(&roster, 0) == UINT64_MAX);
  CHECK(receive(HELLO ",slots=1,r=4.2.2,future=1.70.0", 5000) == P2P_ROSTER_ADDED);
  CHECK(p2p_roster_expire(&roster, 6000) == 5000 + P2P_ROSTER_SILENCE_MS);
  worker->link = (struct p2p_worker_link *)&roster;
  CHECK(p2p_roster_expire(&roster, 5000 + P2P_ROSTER_SILENCE_MS) == UINT64_MAX &&
        roster.length == 1);
  roster.workers[0]->link = NULL;
  CHECK(p2p_roster_expire(&roster, 5000 + P2P_ROSTER_SILENCE_MS) == UINT64_MAX &&
        roster.length == 0);
  p2p_roster_clear(&roster);
}

TEST(the_number_of_workers_is_limited) {
  struct p2p_line line;
  p2p_roster_init(&roster, "4.2.2");
  for (int i = 0; i < P2P_ROSTER_MAX + 10; i++) {
    p2p_line_init(&line);
    CHECK(p2p_line_put(&line, "when", "x") == P2P_OK &&
          p2p_line_put(&line, "type", "worker") == P2P_OK);
    CHECK(p2p_line_put(&line, "from", "mallory@desk:1") == P2P_OK &&
          p2p_line_putf(&line, "member", "%032x", (unsigned)i) == P2P_OK &&
          p2p_line_put(&line, "protocols", "link") == P2P_OK);
    CHECK(p2p_line_put(&line, "key", KEY) == P2P_OK && p2p_line_put(&line, "slots", "1") == P2P_OK);
    CHECK(p2p_line_put(&line, "r", "4.2.2") == P2P_OK &&
          p2p_line_put(&line, "future", "1.70.0") == P2P_OK);
    CHECK(p2p_roster_update(&roster, &line, 0, &worker) ==
          (i < P2P_ROSTER_MAX ? P2P_ROSTER_ADDED : P2P_ROSTER_FULL));
  }
  CHECK(roster.length == P2P_ROSTER_MAX);
  p2p_roster_clear(&roster);
}

UNIT_MAIN("roster", UNIT(a_worker_arrives_repeats_its_hello_and_leaves),
          UNIT(a_worker_may_describe_its_machine),
          UNIT(a_line_in_the_name_of_a_linked_worker_changes_only_its_key),
          UNIT(workers_of_one_name_are_told_apart),
          UNIT(a_worker_that_changes_its_name_is_the_same_worker), UNIT(other_lines_are_ignored),
          UNIT(malformed_hellos_are_reported), UNIT(incompatible_versions_are_explained),
          UNIT(a_silent_worker_without_a_link_is_removed), UNIT(the_number_of_workers_is_limited))
