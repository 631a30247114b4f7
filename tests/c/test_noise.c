/* Noise on the board, each kind on its own: bytes flipped, lines cut, merged and repeated, and
 * forged lines of every type; through the reader of lines to all that listens: the client's roster,
 * and a worker's view of other workers and its accepts. */
#include <stdlib.h>

#include "client/roster.h"
#include "crypto/random.h"
#include "protocol/accept.h"
#include "unit.h"
#include "worker/other_workers.h"

#define WORKERS 40
#define ROUNDS 50
#define ME "fedcba98765432100123456789abcdef"

static struct {
  struct p2p_line_reader reader;
  struct p2p_roster roster;
  struct p2p_other_workers others;
  struct p2p_seal_public public_key;
  struct p2p_seal_secret secret_key;
  uint64_t now_ms;
  uint64_t came, again, left, opened;
} ear;

static char stream[8 * 1024 * 1024];
static size_t used;
static unsigned seed = 1;

static unsigned draw(unsigned below) {
  seed = seed * 1103515245u + 12345u;
  return (seed >> 16) % below;
}

/* ---- what listens ---- */

static void on_line(void *arg, const struct p2p_line *line) {
  struct p2p_roster_worker *who;
  struct p2p_accept accept;
  const char *type = p2p_line_get(line, "type"), *member = p2p_line_get(line, "member");
  (void)arg;
  ear.now_ms++;
  switch (p2p_roster_update(&ear.roster, line, NULL, ear.now_ms, &who)) {
  case P2P_ROSTER_IGNORED:
  case P2P_ROSTER_MALFORMED:
  case P2P_ROSTER_FORGED:
  case P2P_ROSTER_SKIPPED:
  case P2P_ROSTER_FULL: break;
  case P2P_ROSTER_ADDED: ear.came++; break;
  case P2P_ROSTER_UPDATED: ear.again++; break;
  case P2P_ROSTER_LEFT: ear.left++; p2p_roster_remove(&ear.roster, who);
  }
  if (type != NULL && member != NULL && strcmp(type, "worker") == 0)
    p2p_other_workers_add(&ear.others, member, ear.now_ms);
  if (type != NULL && member != NULL && strcmp(type, "leave") == 0)
    p2p_other_workers_remove(&ear.others, member);
  if (p2p_accept_read(line, ME, &ear.public_key, &ear.secret_key, &accept) == P2P_OK) ear.opened++;
}

static void listen_anew(void) {
  p2p_line_reader_init(&ear.reader);
  p2p_roster_init(&ear.roster, "4.2.2");
  memset(&ear.others, 0, sizeof ear.others);
  ear.now_ms = ear.came = ear.again = ear.left = ear.opened = 0;
  used = 0;
}

/* In pieces of any size, as they come from the board. */
static void hear(void) {
  for (size_t at = 0, piece; at < used; at += piece) {
    piece = 1 + draw(3000);
    if (piece > used - at) piece = used - at;
    p2p_line_reader_feed(&ear.reader, stream + at, piece, on_line, NULL);
  }
}

static uint64_t count_newlines(void) {
  uint64_t n = 0;
  for (size_t i = 0; i < used; i++) n += stream[i] == '\n';
  return n;
}

/* ---- what is said ---- */

static void say(const char *text) {
  size_t length = strlen(text);
  if (used + length > sizeof stream) return;
  memcpy(stream + used, text, length);
  used += length;
}

/* The hello of worker i; each with a key, slots and cores that belong to it alone. */
static const char *hello(unsigned i) {
  static char text[512];
  snprintf(text, sizeof text,
           "when=2026-11-20T22:04:24,expires=1795212264,type=worker,from=user%02u@host%02u:%u,"
           "member=%032x,protocols=link,id=0123456789abcdef,"
           "key=AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwd%c%c8,slots=%u,r=4.2.2,future=1.70.0,"
           "platform=x86_64-pc-linux-gnu,cores=%u,memory=16000\n",
           i, i, 1000 + i, i, 'A' + (int)(i % 26), 'a' + (int)(i / 26), 100 + i, 200 + i);
  return text;
}

/* What the roster has is a worker that said hello, word for word. */
static bool is_genuine(const struct p2p_roster_worker *worker) {
  for (unsigned i = 0; i < WORKERS; i++) {
    char from[64];
    snprintf(from, sizeof from, "user%02u@host%02u:%u", i, i, 1000 + i);
    if (strcmp(worker->name, from) != 0) continue;
    return worker->slots == 100 + i && worker->compatible &&
           (worker->machine.cores == 200 + i || worker->machine.cores == 0) &&
           worker->key.bytes[0] == 0;
  }
  return false;
}

static bool all_are_genuine(void) {
  for (size_t i = 0; i < ear.roster.length; i++)
    if (!is_genuine(ear.roster.workers[i])) return false;
  return true;
}

/* ---- noise ---- */

TEST(one_byte_in_a_hundred_is_flipped) {
  listen_anew();
  for (unsigned round = 0; round < ROUNDS; round++)
    for (unsigned i = 0; i < WORKERS; i++) say(hello(i));
  for (size_t at = draw(100); at < used; at += 1 + draw(199))
    stream[at] = (char)(stream[at] ^ (1 + draw(255)));
  uint64_t newlines = count_newlines();
  hear();
  CHECK(ear.reader.lines + ear.reader.dropped == newlines && ear.reader.dropped > newlines / 10);
  CHECK(ear.reader.lines > 0 && ear.left == 0 && ear.opened == 0 &&
        ear.roster.length <= P2P_ROSTER_MAX);
  for (size_t i = 0; i < ear.roster.length; i++) {
    const struct p2p_roster_worker *worker = ear.roster.workers[i];
    CHECK(p2p_member_name_is_valid(worker->member.name) && worker->slots >= 1 &&
          worker->slots <= P2P_WORKER_SLOTS_MAX);
  }
  /* And after the noise all of it is as if there had been none. */
  p2p_line_reader_feed(&ear.reader, "\n", 1, on_line, NULL);
  used = 0;
  ear.came = ear.again = 0;
  for (unsigned i = 0; i < WORKERS; i++) say(hello(i));
  hear();
  CHECK(ear.came + ear.again == WORKERS);
  p2p_roster_clear(&ear.roster);
}

/* Cut anywhere, within a key too, so that what follows runs into it: as when the bytes of two
 * writers get between each other. */
TEST(lines_are_cut) {
  listen_anew();
  for (unsigned round = 0; round < ROUNDS; round++)
    for (unsigned i = 0; i < WORKERS; i++) {
      say(hello(i));
      if (draw(3) == 0) used -= 1 + draw((unsigned)strlen(hello(i)) - 1);
    }
  say("\n");
  hear();
  CHECK(ear.reader.dropped > ROUNDS * WORKERS / 6 && ear.roster.length == WORKERS &&
        all_are_genuine());
  CHECK(ear.left == 0 && ear.opened == 0 &&
        p2p_other_workers_count(&ear.others, ear.now_ms) == WORKERS);
  p2p_roster_clear(&ear.roster);
}

TEST(lines_are_merged) {
  unsigned whole = 0;
  listen_anew();
  for (unsigned i = 0; i < WORKERS; i++) {
    say(hello(i));
    if (i % 2 == 0) used--; /* its newline: it and the next one are one line */
  }
  hear();
  whole = (unsigned)ear.reader.lines;
  CHECK(whole == 0 && ear.reader.dropped == WORKERS / 2 && ear.roster.length == 0);
  CHECK(p2p_other_workers_count(&ear.others, ear.now_ms) == 0);
  p2p_roster_clear(&ear.roster);
}

TEST(lines_are_repeated) {
  listen_anew();
  for (unsigned i = 0; i < WORKERS; i++)
    for (unsigned n = 1 + draw(50); n > 0; n--) say(hello(i));
  hear();
  CHECK(ear.reader.dropped == 0 && ear.came == WORKERS && ear.again == ear.reader.lines - WORKERS);
  CHECK(ear.roster.length == WORKERS && all_are_genuine() &&
        p2p_other_workers_count(&ear.others, ear.now_ms) == WORKERS);
  p2p_roster_clear(&ear.roster);
}

/* ---- forged lines ---- */

static const char *any(const char *const *values, size_t n) { return values[draw((unsigned)n)]; }
#define ANY(values) any(values, sizeof(values) / sizeof((values)[0]))

static void say_forged(const char *type) {
  static const char *const members[] = {ME, "00000000000000000000000000000001",
                                        "fedcba9876543210fedcba9876543210", "", "x"};
  static const char *const froms[] = {
      "carol@desk:4711",          "user01@host01:1001", "mallory@x:1", "../../etc/passwd", "", "x",
      "a@b:99999999999999999999", "\x80\xff@x:1"};
  static const char *const keys[] = {"to",    "future", "size",     "protocols", "via",    "id",
                                     "key",   "slots",  "r",        "expires",   "type",   "member",
                                     "cores", "memory", "platform", "users",     "nusers", "owner"};
  static const char *const values[] = {"",
                                       "0",
                                       "1",
                                       "-1",
                                       "18446744073709551616",
                                       "link",
                                       "link;wormhole",
                                       "wormhole",
                                       "4.2.2",
                                       "1.70.0",
                                       ME,
                                       "link://AAAA",
                                       "wormhole://1234-0123456789ab",
                                       "a94e86a39d33520bb4003868fee40603-1",
                                       "%s%n%s",
                                       "$(reboot)",
                                       "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"};
  char text[1024];
  size_t length =
      (size_t)snprintf(text, sizeof text, "when=2026-11-20T22:04:24,type=%s,from=%s,member=%s",
                       type, ANY(froms), ANY(members));
  for (unsigned n = draw(8); n > 0; n--)
    length +=
        (size_t)snprintf(text + length, sizeof text - length, ",%s=%s", ANY(keys), ANY(values));
  say(text);
  say("\n");
}

TEST(forged_lines_of_every_type_but_a_workers_change_nothing) {
  static const char *const types[] = {"client",   "cluster", "request",       "offer",
                                      "accept",   "result",  "withdraw",      "note",
                                      "nonsense", "WORKER",  "worker;client", ""};
  for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
    listen_anew();
    for (unsigned k = 0; k < WORKERS; k++) say(hello(k));
    for (int n = 0; n < 10000; n++) say_forged(types[i]);
    hear();
    CHECK(ear.reader.lines + ear.reader.dropped == WORKERS + 10000);
    CHECK(ear.came == WORKERS && ear.again == 0 && ear.left == 0 && ear.opened == 0);
    CHECK(ear.roster.length == WORKERS && all_are_genuine() &&
          p2p_other_workers_count(&ear.others, ear.now_ms) == WORKERS);
    p2p_roster_clear(&ear.roster);
  }
}

/* Anybody can write these in anybody's name: what is known to a link does not depend on them
 * (test_roster.c), and there are caps. */
TEST(forged_lines_of_workers_are_checked_and_capped) {
  listen_anew();
  for (int n = 0; n < 10000; n++) say_forged(n % 2 == 0 ? "worker" : "leave");
  hear();
  CHECK(ear.reader.lines + ear.reader.dropped == 10000 && ear.opened == 0);
  CHECK(ear.roster.length <= 3);
  p2p_roster_clear(&ear.roster);
  listen_anew();
  for (unsigned n = 0; n < 10000; n++) {
    char text[400];
    snprintf(text, sizeof text,
             "when=x,type=worker,from=mallory@x:1,member=%032x,protocols=link,key="
             "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8,slots=1,"
             "r=4.2.2,future=1.70.0\n",
             n);
    say(text);
  }
  hear();
  CHECK(ear.roster.length == P2P_ROSTER_MAX &&
        p2p_other_workers_count(&ear.others, ear.now_ms) <= P2P_OTHER_WORKERS_MAX);
  p2p_roster_clear(&ear.roster);
}

/* The exchange of programs in use, which know `wormhole` alone: they are on the topic, and they are
 * not for us. */
TEST(the_lines_of_other_programs_are_passed_over) {
  static const char lines[] =
      "when=2026-11-20T22:04:20,expires=1795212264,type=cluster,from=alice@laptop:11,protocols="
      "wormhole\n"
      "when=2026-11-20T22:04:21,owner=alice,nusers=2,users=bob;carol,expires=1795212264\n"
      "when=2026-11-20T22:04:22,expires=1795212264,type=worker,from=dave@box:12,protocols="
      "wormhole\n"
      "when=2026-11-20T22:04:23,expires=1795212264,type=client,from=bob@box:13,protocols=wormhole\n"
      "when=2026-11-20T22:04:24,expires=1795212264,type=request,from=bob@box:13,future="
      "a94e86a39d33520bb4003868fee40603-1,size=3400,protocols=wormhole\n"
      "when=2026-11-20T22:04:24,expires=1795212264,type=offer,from=dave@box:12,to=bob@box:13,"
      "future=a94e86a39d33520bb4003868fee40603-1,protocols=wormhole\n"
      "when=2026-11-20T22:04:24,expires=1795212264,type=accept,from=bob@box:13,to=" ME
      ",future=a94e86a39d33520bb4003868fee40603-1,via=wormhole://1234-0123456789ab\n"
      "when=2026-11-20T22:04:25,expires=1795212264,type=result,from=dave@box:12,to=bob@box:13,"
      "future=a94e86a39d33520bb4003868fee40603-1,via=wormhole://1234-0123456789ab\n"
      "when=2026-11-20T22:04:26,type=withdraw,from=bob@box:13,to=dave@box:12,future="
      "a94e86a39d33520bb4003868fee40603-1\n";
  listen_anew();
  say(hello(0));
  say(lines);
  hear();
  CHECK(ear.reader.dropped == 0 && ear.reader.lines == 10);
  CHECK(ear.roster.length == 1 && all_are_genuine() && ear.left == 0 && ear.opened == 0);
  p2p_roster_clear(&ear.roster);
}

TEST(the_ear_has_keys) {
  CHECK(p2p_crypto_init() == P2P_OK);
  p2p_seal_keypair(&ear.public_key, &ear.secret_key);
}

UNIT_MAIN("noise", UNIT(the_ear_has_keys), UNIT(one_byte_in_a_hundred_is_flipped),
          UNIT(lines_are_cut), UNIT(lines_are_merged), UNIT(lines_are_repeated),
          UNIT(forged_lines_of_every_type_but_a_workers_change_nothing),
          UNIT(forged_lines_of_workers_are_checked_and_capped),
          UNIT(the_lines_of_other_programs_are_passed_over))
