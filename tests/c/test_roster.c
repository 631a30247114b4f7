/* The roster: workers from hostile lines, and compatible versions. */
#include "client/roster.h"

#include "client/roster_report.h"
#include "credentials_fixture.h"
#include "crypto/random.h"
#include "protocol/certified_line.h"

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
  return p2p_roster_update(&roster, &line, NULL, now_ms, &worker);
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

#define FORGED(rest) "when=x,type=worker,from=carol@desk:4711,member=" CAROL ",protocols=link," rest

static void link_worker(struct p2p_roster_worker *linked, const char *r_version, int code) {
  struct p2p_hello hello = {.slots = 2};
  struct p2p_err err;
  snprintf(hello.r_version, sizeof hello.r_version, "%s", r_version);
  snprintf(hello.future_version, sizeof hello.future_version, "1.70.0");
  CHECK(p2p_roster_set_hello(&roster, linked, &hello, &err) == code);
}

TEST(a_hello_in_the_name_of_a_worker_does_not_change_it) {
  p2p_roster_init(&roster, "4.2.2");
  CHECK(receive(HELLO ",slots=2,r=4.3.1,future=1.70.0", 1000) == P2P_ROSTER_ADDED);
  struct p2p_roster_worker *carol = worker;
  /* with another key: another worker, in case that this one was forged before */
  CHECK(receive(
            FORGED("slots=9,r=3.0.0,future=1.0.0,key=BBECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"),
            2000) == P2P_ROSTER_ADDED);
  CHECK(worker != carol && carol->key.bytes[0] == 0 && carol->last_seen_ms == 1000);
  /* its key is public */
  CHECK(receive(FORGED("slots=1024,r=3.0.0,future=1.0.0,key=" KEY), 2000) == P2P_ROSTER_UPDATED);
  CHECK(worker == carol && carol->compatible);
  link_worker(carol, "4.3.1", P2P_OK);
  CHECK(carol->slots == 2);
  CHECK(receive(FORGED("slots=1024,r=3.0.0,future=1.0.0,key=" KEY), 2000) == P2P_ROSTER_UPDATED);
  CHECK(carol->compatible && carol->slots == 2);
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
  link_worker(worker, "3.6.3", P2P_ERR_VERSION);
  CHECK(!worker->compatible);
  link_worker(worker, "4.2.2", P2P_OK);
  CHECK(worker->compatible);
  p2p_roster_clear(&roster);
}

/* What it says over its link counts: anybody may have written the hello. */
TEST(a_worker_with_less_of_a_sandbox_is_not_used) {
#define OFFER ",slots=2,r=4.2.2,future=1.70.0"
  struct p2p_hello hello = {.slots = 2, .r_version = "4.2.2", .future_version = "1.70.0"};
  struct p2p_err err;
  p2p_roster_init(&roster, "4.2.2");
  CHECK(receive(HELLO OFFER, 0) == P2P_ROSTER_ADDED && worker->compatible);
  p2p_roster_clear(&roster);
  p2p_roster_init(&roster, "4.2.2");
  roster.sandbox = P2P_MACHINE_SANDBOX_NAMESPACES;
  CHECK(receive(HELLO OFFER, 0) == P2P_ROSTER_ADDED && !worker->compatible && worker->is_too_open);
  CHECK(receive(HELLO OFFER ",sandbox=landlock", 0) == P2P_ROSTER_UPDATED && !worker->compatible);
  CHECK_STR(roster.incompatible_why,
            "worker 'carol@desk:4711' has sandbox 'landlock', and this session wants at least "
            "'namespaces'");
  CHECK(receive(HELLO OFFER ",sandbox=namespaces", 0) == P2P_ROSTER_UPDATED && worker->compatible);
  CHECK(p2p_roster_set_hello(&roster, worker, &hello, &err) == P2P_ERR_VERSION);
  CHECK(!worker->compatible && worker->is_too_open);
  hello.machine.sandbox = P2P_MACHINE_SANDBOX_NAMESPACES;
  CHECK(p2p_roster_set_hello(&roster, worker, &hello, &err) == P2P_OK && worker->compatible);
  CHECK(!worker->is_too_open);
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

static enum p2p_roster_change receive_ghost(int i) {
  struct p2p_line line;
  p2p_line_init(&line);
  CHECK(p2p_line_put(&line, "when", "x") == P2P_OK &&
        p2p_line_put(&line, "type", "worker") == P2P_OK);
  CHECK(p2p_line_put(&line, "from", "mallory@desk:1") == P2P_OK &&
        p2p_line_putf(&line, "member", "%032x", (unsigned)i) == P2P_OK &&
        p2p_line_put(&line, "protocols", "link") == P2P_OK);
  CHECK(p2p_line_put(&line, "key", KEY) == P2P_OK &&
        p2p_line_put(&line, "slots", "1024") == P2P_OK);
  CHECK(p2p_line_put(&line, "r", "4.2.2") == P2P_OK &&
        p2p_line_put(&line, "future", "1.70.0") == P2P_OK);
  return p2p_roster_update(&roster, &line, NULL, 0, &worker);
}

static struct p2p_roster_worker *find(const char *id) {
  for (size_t i = 0; i < roster.length; i++)
    if (strcmp(roster.workers[i]->member.id, id) == 0) return roster.workers[i];
  return NULL;
}

TEST(workers_that_were_never_linked_give_way_to_others) {
  CHECK(p2p_crypto_init() == P2P_OK);
  p2p_roster_init(&roster, "4.2.2");
  CHECK(receive(HELLO ",slots=2,r=4.3.1,future=1.70.0", 0) == P2P_ROSTER_ADDED);
  link_worker(worker, "4.3.1", P2P_OK);
  for (int i = 0; i < P2P_ROSTER_MAX + 104; i++) {
    CHECK(receive_ghost(i) == P2P_ROSTER_ADDED);
    worker->failures = i % 2;
  }
  CHECK(roster.length == P2P_ROSTER_MAX && find(CAROL) != NULL);
  CHECK(receive(NAMESAKE(OTHER), 1000) == P2P_ROSTER_ADDED && find(OTHER) == worker);
  for (int i = 0; i < 100; i++) CHECK(receive_ghost(10000 + i) == P2P_ROSTER_ADDED);
  CHECK(find(OTHER) != NULL); /* those that could not be linked go first */
  for (size_t i = 0; i < roster.length; i++) roster.workers[i]->was_linked = true;
  CHECK(receive_ghost(20000) == P2P_ROSTER_FULL && worker == NULL);
  CHECK(roster.length == P2P_ROSTER_MAX);
  p2p_roster_clear(&roster);
}

/* ---- in a cluster with a key ---- */

#define CLUSTER "alice/friends"
static struct p2p_credentials bob, carol, mallory;

static void open_keyed(void) {
  CHECK(p2p_crypto_init() == P2P_OK);
  p2p_sign_keypair(&owner, &owner_secret);
  enrol(&bob, CLUSTER, "bob", 1, 7);
  enrol(&carol, CLUSTER, "carol", 1, 7);
  enrol(&mallory, CLUSTER, "mallory", 1, 7);
  p2p_roster_init(&roster, "4.2.2");
}

static void write_hello(struct p2p_line *line, const char *from, const char *id, uint32_t slots) {
  struct p2p_hello_line hello = {
      .role = P2P_ROLE_WORKER, .slots = slots, .r_version = "4.2.2", .future_version = "1.70.0"};
  CHECK(p2p_identity_set(&hello.from, id, from));
  CHECK(p2p_hello_line_write(line, &hello, 0) == P2P_OK);
}

/* Two milliseconds after the last one: no flood. */
static enum p2p_roster_change receive_line(const struct p2p_line *line) {
  static uint64_t now_ms;
  return p2p_roster_update(&roster, line, &bob, now_ms += 2, &worker);
}

static enum p2p_roster_change receive_signed(const struct p2p_credentials *by, const char *from,
                                             const char *id, uint32_t slots, uint64_t number) {
  struct p2p_line line;
  write_hello(&line, from, id, slots);
  CHECK(p2p_certified_line_sign(&line, by, number) == P2P_OK);
  return receive_line(&line);
}

static enum p2p_roster_change receive_signed_ghost(int i) {
  char id[33];
  snprintf(id, sizeof id, "%032x", (unsigned)i);
  return receive_signed(&mallory, "mallory@box:1", id, 1024, 1);
}

TEST(a_hello_needs_the_badge_of_its_user) {
  struct p2p_line line;
  open_keyed();
  write_hello(&line, "carol@desk:4711", CAROL, 3);
  CHECK(receive_line(&line) == P2P_ROSTER_FORGED && roster.length == 0);
  CHECK(receive_signed(&mallory, "carol@desk:4711", CAROL, 3, 1) == P2P_ROSTER_FORGED);
  CHECK(receive_signed(&carol, "carol@desk:4711", CAROL, 3, 1) == P2P_ROSTER_ADDED);
  CHECK_STR(roster.users[worker->user].name, "carol");
  p2p_roster_clear(&roster);
}

TEST(what_a_worker_has_signed_before_changes_nothing) {
  open_keyed();
  CHECK(receive_signed(&carol, "carol@desk:4711", CAROL, 3, 5) == P2P_ROSTER_ADDED);
  CHECK(receive_signed(&carol, "carol@desk:4711", CAROL, 2, 5) == P2P_ROSTER_IGNORED);
  CHECK(receive_signed(&carol, "carol@desk:4711", CAROL, 2, 4) == P2P_ROSTER_IGNORED);
  CHECK(roster.workers[0]->slots == 3);
  CHECK(receive_signed(&carol, "carol@desk:4711", CAROL, 2, 6) == P2P_ROSTER_UPDATED);
  CHECK(worker->slots == 2);
  p2p_roster_clear(&roster);
}

/* Id and key are on the board for everybody to read. */
TEST(another_member_with_the_id_and_key_of_a_worker_is_another_worker) {
  open_keyed();
  CHECK(receive_signed(&mallory, "mallory@box:1", CAROL, 9, 99) == P2P_ROSTER_ADDED);
  CHECK(receive_signed(&carol, "carol@desk:4711", CAROL, 3, 1) == P2P_ROSTER_ADDED);
  CHECK(worker->slots == 3 && roster.length == 2 && roster.workers[0]->slots == 9);
  p2p_roster_clear(&roster);
}

TEST(when_the_roster_is_full_the_user_with_most_workers_gives_way) {
  open_keyed();
  CHECK(receive_signed(&carol, "carol@desk:4711", CAROL, 3, 1) == P2P_ROSTER_ADDED);
  worker->failures = 1; /* it may be off for a moment */
  for (int i = 0; i < P2P_ROSTER_MAX + 104; i++) CHECK(receive_signed_ghost(i) == P2P_ROSTER_ADDED);
  CHECK(roster.length == P2P_ROSTER_MAX && find(CAROL) != NULL && roster.n_users == 2);
  CHECK(receive_signed(&bob, "bob@laptop:1", OTHER, 2, 1) == P2P_ROSTER_ADDED);
  CHECK(roster.length == P2P_ROSTER_MAX && find(CAROL) != NULL && find(OTHER) != NULL);
  p2p_roster_clear(&roster);
}

TEST(a_flood_of_hellos_is_not_one_of_checks) {
  struct p2p_line line;
  open_keyed();
  write_hello(&line, "carol@desk:4711", CAROL, 3);
  CHECK(p2p_certified_line_sign(&line, &carol, 1) == P2P_OK);
  struct p2p_line_badge badge;
  CHECK(p2p_certified_line_check(&line, &bob, NULL, &badge));
  for (int i = 0; i < P2P_ROSTER_CHECKS_MAX; i++) {
    enum p2p_roster_change change = p2p_roster_update(&roster, &line, &bob, 5000, &worker);
    CHECK(change == (i == 0 ? P2P_ROSTER_ADDED : P2P_ROSTER_IGNORED));
  }
  CHECK(p2p_roster_update(&roster, &line, &bob, 5999, &worker) == P2P_ROSTER_SKIPPED);
  CHECK(worker == NULL);
  CHECK(p2p_roster_update(&roster, &line, &bob, 6000, &worker) == P2P_ROSTER_IGNORED);
  CHECK(p2p_roster_update(&roster, &line, NULL, 6000, &worker) == P2P_ROSTER_ADDED);
  p2p_roster_clear(&roster);
}

TEST(made_up_slots_count_up_to_those_of_one_worker) {
  struct p2p_client_status status;
  open_keyed();
  CHECK(receive_signed(&carol, "carol@desk:4711", CAROL, 3, 1) == P2P_ROSTER_ADDED);
  CHECK(receive_signed(&bob, "bob@laptop:1", OTHER, 1000, 1) == P2P_ROSTER_ADDED);
  p2p_roster_count(&roster, &status);
  CHECK(status.slots == 1003 && status.workers == 2);
  for (int i = 0; i < 40; i++) CHECK(receive_signed_ghost(i) == P2P_ROSTER_ADDED);
  p2p_roster_count(&roster, &status);
  CHECK(status.slots == 1003 + 1024 && status.workers == 42);
  for (size_t i = 0; i < 12; i++) { /* what was linked is there */
    link_worker(roster.workers[2 + i], "4.3.1", P2P_OK);
    roster.workers[2 + i]->slots = 1024;
  }
  p2p_roster_count(&roster, &status);
  CHECK(status.slots == 1003 + 12 * 1024 + 1024);
  for (size_t i = 14; i < roster.length; i++) roster.workers[i]->failures = 1;
  p2p_roster_count(&roster, &status);
  CHECK(status.slots == 1003 + 12 * 1024 + 28 && status.unreachable == 28);
  p2p_roster_clear(&roster);
}

TEST(failures_to_link_are_those_of_the_user) {
  open_keyed();
  CHECK(receive_signed_ghost(1) == P2P_ROSTER_ADDED);
  p2p_roster_add_failure(&roster, worker);
  CHECK(receive_signed_ghost(2) == P2P_ROSTER_ADDED);
  p2p_roster_add_failure(&roster, worker);
  CHECK(worker->failures == 1 && roster.users[worker->user].failures == 2);
  link_worker(worker, "4.3.1", P2P_OK);
  CHECK(roster.users[worker->user].failures == 0);
  p2p_roster_add_failure(&roster, worker); /* it exists */
  CHECK(roster.users[worker->user].failures == 0);
  p2p_roster_clear(&roster);
}

UNIT_MAIN("roster", UNIT(a_worker_arrives_repeats_its_hello_and_leaves),
          UNIT(a_worker_may_describe_its_machine),
          UNIT(a_hello_in_the_name_of_a_worker_does_not_change_it),
          UNIT(workers_of_one_name_are_told_apart),
          UNIT(a_worker_that_changes_its_name_is_the_same_worker), UNIT(other_lines_are_ignored),
          UNIT(malformed_hellos_are_reported), UNIT(incompatible_versions_are_explained),
          UNIT(a_worker_with_less_of_a_sandbox_is_not_used),
          UNIT(a_silent_worker_without_a_link_is_removed),
          UNIT(workers_that_were_never_linked_give_way_to_others),
          UNIT(a_hello_needs_the_badge_of_its_user),
          UNIT(what_a_worker_has_signed_before_changes_nothing),
          UNIT(another_member_with_the_id_and_key_of_a_worker_is_another_worker),
          UNIT(when_the_roster_is_full_the_user_with_most_workers_gives_way),
          UNIT(a_flood_of_hellos_is_not_one_of_checks),
          UNIT(made_up_slots_count_up_to_those_of_one_worker),
          UNIT(failures_to_link_are_those_of_the_user))
