/* The lines `who` and `here`: exact text, every malformed field, and what a hostile member may
 * write. */
#include "protocol/here.h"

#include <string.h>

#include "protocol/machine.h"
#include "unit.h"

#define NOW 1795000000
#define ID "fedcba98765432100123456789abcdef"
#define BEGIN "when=2026-11-18T11:06:40,type="
#define CAROL "from=carol@desk:4711,member=" ID

static struct p2p_here of_role(enum p2p_role role) {
  struct p2p_here here = {.role = role, .up_s = 60};
  CHECK(p2p_identity_set(&here.from, ID, "carol@desk:4711"));
  return here;
}

static void check_text(const struct p2p_here *here, const char *expected) {
  struct p2p_line line;
  struct p2p_here read;
  char text[P2P_LINE_MAX + 1] = "";
  CHECK(p2p_here_write(&line, here, NOW) == P2P_OK);
  long length = p2p_line_format(&line, text, sizeof text);
  text[length > 0 ? length - 1 : 0] = '\0';
  CHECK_STR(text, expected);
  CHECK(p2p_here_read(&line, &read) == P2P_OK);
  CHECK_STR(read.from.name, here->from.name);
  CHECK_STR(read.users, here->users);
  CHECK(read.role == here->role && read.up_s == here->up_s && read.busy == here->busy);
  CHECK_STR(read.gpus, here->gpus);
  CHECK(read.load == here->load && read.free_mib == here->free_mib);
}

TEST(each_role_has_its_exact_text) {
  struct p2p_here client = of_role(P2P_ROLE_CLIENT), host = of_role(P2P_ROLE_HOST),
                  worker = of_role(P2P_ROLE_WORKER);
  check_text(&client, BEGIN "here," CAROL ",role=client,up=60");
  host.up_s = 0;
  check_text(&host, BEGIN "here," CAROL ",role=cluster");
  check_text(&worker, BEGIN "here," CAROL ",role=worker,up=60");
  worker.busy = 3;
  worker.load = 142;
  worker.free_mib = 5000;
  snprintf(worker.users, sizeof worker.users, "bob;dave");
  check_text(&worker,
             BEGIN "here," CAROL ",role=worker,up=60,busy=3,users=bob;dave,load=142,free=5000");
  worker.busy = worker.load = worker.free_mib = 0;
  worker.users[0] = '\0';
  snprintf(worker.gpus, sizeof worker.gpus, "2 x NVIDIA A100 (80 GiB)");
  check_text(&worker, BEGIN "here," CAROL ",role=worker,up=60,gpus=2 x NVIDIA A100 (80 GiB)");
}

TEST(what_the_reader_would_refuse_is_not_written) {
  struct p2p_line line;
  struct p2p_here here = of_role(P2P_ROLE_WORKER);
  here.busy = P2P_WORKER_SLOTS_MAX + 1;
  CHECK(p2p_here_write(&line, &here, NOW) == P2P_ERR_INVALID && line.used == 0);
  here = of_role(P2P_ROLE_WORKER);
  snprintf(here.users, sizeof here.users, "bob;;dave");
  CHECK(p2p_here_write(&line, &here, NOW) == P2P_ERR_INVALID);
  here = of_role(P2P_ROLE_CLIENT);
  here.up_s = P2P_HERE_COUNT_MAX + 1;
  CHECK(p2p_here_write(&line, &here, NOW) == P2P_ERR_INVALID);
  here = of_role(P2P_ROLE_CLIENT);
  here.from.id[0] = 'F';
  CHECK(p2p_here_write(&line, &here, NOW) == P2P_ERR_INVALID);
}

static int read_code(const char *text) {
  struct p2p_line line;
  struct p2p_here here;
  if (p2p_line_parse(text, strlen(text), &line) != P2P_OK) return P2P_ERR_INVALID;
  return p2p_here_read(&line, &here);
}

TEST(other_lines_are_ignored_and_malformed_ones_refused) {
  static const char *const bad[] = {
      "when=x,type=here,from=carol@desk:1,role=client",
      "when=x,type=here,member=" ID ",role=client",
      "when=x,type=here,from=carol\x1b[2J@desk:1,member=" ID ",role=client",
      "when=x,type=here,from=carol@desk:1,member=0" ID ",role=client",
      "when=x,type=here," CAROL,
      "when=x,type=here," CAROL ",role=",
      "when=x,type=here," CAROL ",role=clients",
      "when=x,type=here," CAROL ",role=client,up=0",
      "when=x,type=here," CAROL ",role=client,up=-1",
      "when=x,type=here," CAROL ",role=client,up=1000000000",
      "when=x,type=here," CAROL ",role=client,up=99999999999999999999999",
      "when=x,type=here," CAROL ",role=worker,busy=1025",
      "when=x,type=here," CAROL ",role=worker,gpus=",
      "when=x,type=here," CAROL ",role=worker,gpus=a;b",
      "when=x,type=here," CAROL ",role=worker,gpus=a\xff",
      "when=x,type=here," CAROL ",role=worker,users=",
      "when=x,type=here," CAROL ",role=worker,users=a;b;c;d;e;f;g;h;i",
      "when=x,type=here," CAROL ",role=worker,users=bob dave",
      "when=x,type=here," CAROL ",role=worker,users=bob\xc2\x9b"
      "2J",
      "when=x,type=here," CAROL ",role=worker,load=1e9",
      "when=x,type=here," CAROL ",role=worker,free=0x10",
  };
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    int code = read_code(bad[i]);
    CHECK(code == P2P_ERR_PARSE || code == P2P_ERR_INVALID);
    if (code == P2P_OK) fprintf(stderr, "accepted: %s\n", bad[i]);
  }
  CHECK(read_code("when=x,type=there," CAROL ",role=client") == P2P_ERR_CANCELED);
  CHECK(read_code("when=x,from=carol@desk:1") == P2P_ERR_CANCELED);
  CHECK(read_code("when=x,type=here," CAROL ",role=client,more=1") == P2P_OK);
  CHECK(read_code("when=x,type=here," CAROL ",role=client,users=;;") ==
        P2P_OK); /* a worker's key */
}

TEST(a_line_that_is_cut_short_is_never_believed_by_half) {
  static const char text[] = "when=x,type=here," CAROL ",role=worker,up=60,users=bob;dave,free=50";
  for (size_t length = 0; length < sizeof text - 1; length++) {
    struct p2p_line line;
    struct p2p_here here = {.up_s = 7};
    if (p2p_line_parse(text, length, &line) != P2P_OK) continue;
    if (p2p_here_read(&line, &here) != P2P_OK) CHECK(here.up_s == 7);
  }
}

TEST(a_question_has_its_exact_text) {
  struct p2p_line line, other;
  struct p2p_here here = of_role(P2P_ROLE_CLIENT);
  char text[P2P_LINE_MAX + 1];
  CHECK(p2p_who_write(&line, &here.from, NOW) == P2P_OK && p2p_who_read(&line) == P2P_OK);
  CHECK(p2p_line_format(&line, text, sizeof text) > 0);
  CHECK_STR(text, BEGIN "who," CAROL "\n");
  CHECK(p2p_here_write(&other, &here, NOW) == P2P_OK && p2p_who_read(&other) == P2P_ERR_CANCELED);
  CHECK(p2p_line_parse("when=x,type=who", 15, &line) == P2P_OK);
  CHECK(p2p_who_read(&line) == P2P_ERR_PARSE);
  here.from.name[0] = '\0';
  CHECK(p2p_who_write(&line, &here.from, NOW) == P2P_ERR_INVALID);
}

UNIT_MAIN("here", UNIT(each_role_has_its_exact_text),
          UNIT(what_the_reader_would_refuse_is_not_written),
          UNIT(other_lines_are_ignored_and_malformed_ones_refused),
          UNIT(a_line_that_is_cut_short_is_never_believed_by_half),
          UNIT(a_question_has_its_exact_text))
