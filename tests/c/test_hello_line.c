/* The hello of a member on the board: exact text, round trip, and every malformed field. */
#include "protocol/hello_line.h"

#include <stdlib.h>
#include <time.h>

#include "unit.h"

#define NOW 1795000000
#define KEY "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
#define ID "fedcba98765432100123456789abcdef"
#define BEGIN "when=2026-11-18T11:06:40,"
#define WORKER                                                           \
  BEGIN "expires=1795000060,type=worker,from=carol@desk:4711,member=" ID \
        ",protocols=link,id=0123456789abcdef,"                           \
        "key=" KEY ",slots=3,r=4.2.2,future=1.70.0"

static struct p2p_hello_line of_role(enum p2p_role role, const char *from) {
  struct p2p_hello_line hello = {.role = role, .id = "0123456789abcdef"};
  CHECK(p2p_identity_set(&hello.from, ID, from));
  snprintf(hello.r_version, sizeof hello.r_version, "4.2.2");
  snprintf(hello.future_version, sizeof hello.future_version, "1.70.0");
  return hello;
}

static struct p2p_hello_line of_worker(void) {
  struct p2p_hello_line hello = of_role(P2P_ROLE_WORKER, "carol@desk:4711");
  for (size_t i = 0; i < sizeof hello.key.bytes; i++) hello.key.bytes[i] = (uint8_t)i;
  hello.slots = 3;
  return hello;
}

static void check_text(const struct p2p_hello_line *hello, const char *expected) {
  struct p2p_line line, again;
  struct p2p_hello_line read;
  char text[P2P_LINE_MAX + 1] = "";
  CHECK(p2p_hello_line_write(&line, hello, NOW) == P2P_OK);
  long length = p2p_line_format(&line, text, sizeof text);
  CHECK(length > 0 && text[length - 1] == '\n');
  text[length > 0 ? length - 1 : 0] = '\0';
  CHECK_STR(text, expected);
  CHECK(p2p_line_parse(text, strlen(text), &again) == P2P_OK);
  CHECK(p2p_hello_line_read(&again, &read) == P2P_OK);
  CHECK(read.role == hello->role && read.slots == hello->slots);
  CHECK_STR(read.from.name, hello->from.name);
  CHECK_STR(read.from.id, hello->from.id);
  CHECK_STR(read.id, hello->id);
  CHECK_STR(read.r_version, hello->r_version);
  CHECK_STR(read.future_version, hello->future_version);
  CHECK(memcmp(&read.key, &hello->key, sizeof read.key) == 0);
  CHECK(memcmp(&read.machine, &hello->machine, sizeof read.machine) == 0);
  CHECK(read.busy == hello->busy && read.waiting == hello->waiting);
}

TEST(each_role_has_its_exact_text) {
  struct p2p_hello_line client = of_role(P2P_ROLE_CLIENT, "bob@laptop:99"),
                        host = of_role(P2P_ROLE_HOST, "alice@home:1"), worker = of_worker();
  check_text(&client,
             BEGIN "expires=1795000060,type=client,from=bob@laptop:99,member=" ID ",protocols=link,"
                   "id=0123456789abcdef,r=4.2.2,future=1.70.0");
  host.r_version[0] = host.future_version[0] = '\0';
  check_text(&host,
             BEGIN "expires=1795000060,type=cluster,from=alice@home:1,member=" ID ",protocols=link,"
                   "id=0123456789abcdef");
  check_text(&worker, WORKER);
  snprintf(worker.machine.platform, sizeof worker.machine.platform, "x86_64-pc-linux-gnu");
  worker.machine.cores = 4;
  worker.machine.memory_mib = 8000;
  check_text(&worker, WORKER ",platform=x86_64-pc-linux-gnu,cores=4,memory=8000");
  worker.busy = 3;
  worker.waiting = 2;
  check_text(&worker, WORKER ",platform=x86_64-pc-linux-gnu,cores=4,memory=8000,busy=3,waiting=2");
  worker.machine.sandbox = P2P_MACHINE_SANDBOX_LANDLOCK;
  worker.busy = worker.waiting = 0;
  check_text(&worker, WORKER ",platform=x86_64-pc-linux-gnu,cores=4,memory=8000,sandbox=landlock");
  worker.machine.sandbox = P2P_MACHINE_SANDBOX_UNKNOWN;
  worker.machine.reserves = true;
  worker.machine.limit_mib = 2048;
  snprintf(worker.machine.tags, sizeof worker.machine.tags, "bioc;x");
  check_text(&worker, WORKER ",platform=x86_64-pc-linux-gnu,cores=4,memory=8000,reserves=1,"
                             "limit=2048,tags=bioc;x");
  worker.machine.gpus = 2;
  check_text(&worker, WORKER ",platform=x86_64-pc-linux-gnu,cores=4,memory=8000,reserves=1,"
                             "limit=2048,tags=bioc;x,gpu=2");
}

TEST(what_the_reader_would_refuse_is_not_written) {
  struct p2p_line line;
  struct p2p_hello_line hello = of_worker();
  hello.slots = 0;
  CHECK(p2p_hello_line_write(&line, &hello, NOW) == P2P_ERR_INVALID && line.used == 0);
  hello.slots = P2P_WORKER_SLOTS_MAX + 1;
  CHECK(p2p_hello_line_write(&line, &hello, NOW) == P2P_ERR_INVALID);
  hello = of_worker();
  snprintf(hello.from.name, sizeof hello.from.name, "carol");
  CHECK(p2p_hello_line_write(&line, &hello, NOW) == P2P_ERR_INVALID);
  hello = of_worker();
  hello.from.id[0] = 'F';
  CHECK(p2p_hello_line_write(&line, &hello, NOW) == P2P_ERR_INVALID);
  hello = of_worker();
  snprintf(hello.r_version, sizeof hello.r_version, "four");
  CHECK(p2p_hello_line_write(&line, &hello, NOW) == P2P_ERR_INVALID);
  hello = of_worker();
  snprintf(hello.machine.platform, sizeof hello.machine.platform, "a b");
  CHECK(p2p_hello_line_write(&line, &hello, NOW) == P2P_ERR_INVALID);
  hello = of_worker();
  hello.busy = P2P_WORKER_SLOTS_MAX + 1;
  CHECK(p2p_hello_line_write(&line, &hello, NOW) == P2P_ERR_INVALID);
}

static int read_code(const char *text) {
  struct p2p_line line;
  struct p2p_hello_line hello;
  CHECK(p2p_line_parse(text, strlen(text), &line) == P2P_OK);
  return p2p_hello_line_read(&line, &hello);
}

TEST(hellos_of_programs_without_links_are_other_lines) {
  static const char *const texts[] = {
      "when=x,expires=1,type=worker,from=carol@desk:1,protocols=wormhole,r=?",
      "when=x,type=client,from=bob@desk:1",
      "when=x,type=client,from=bob@desk:1,member=" ID ",protocols=linked;unlink",
  };
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
    CHECK(read_code(texts[i]) == P2P_ERR_CANCELED);
  CHECK(read_code("when=x,type=client,from=bob@desk:1,member=" ID ",protocols=wormhole;link") ==
        P2P_OK);
}

TEST(other_lines_are_not_hellos) {
  CHECK(read_code("when=x,from=bob@desk:1,protocols=link") == P2P_ERR_CANCELED);
  CHECK(read_code("when=x,type=leave,from=bob@desk:1") == P2P_ERR_CANCELED);
  CHECK(read_code("when=x,type=Worker,from=bob@desk:1") == P2P_ERR_CANCELED);
}

TEST(malformed_hellos_are_refused) {
  static const char *const texts[] = {
      "when=x,type=client,protocols=link",
      "when=x,type=client,from=bob,member=" ID ",protocols=link",
      "when=x,type=client,from=bob@desk:1,protocols=link",
      "when=x,type=client,member=" ID ",protocols=link",
      "when=x,type=client,from=bob@desk:1,member=" ID "0,protocols=link",
      "when=x,type=client,from=bob@desk:1,member=FEDCBA98765432100123456789ABCDEF,protocols=link",
      "when=x,type=client,from=bob@desk:1,member=" ID ",protocols=link,r=x",
      "when=x,type=client,from=bob@desk:1,member=" ID ",protocols=link,r=4.2.2,future=",
      "when=x,type=client,from=bob@desk:1,member=" ID ",protocols=link,id=0123",
      "when=x,type=client,from=bob@desk:1,member=" ID ",protocols=link,id=0123456789ABCDEF",
      WORKER ",platform=",
      WORKER ",sandbox=",
      WORKER ",sandbox=jail",
      WORKER ",platform=x86 64",
      WORKER ",cores=0",
      WORKER ",cores=65537",
      WORKER ",memory=1000000000",
      WORKER ",memory=-1",
      WORKER ",busy=0",
      WORKER ",busy=1025",
      WORKER ",waiting=1000000000",
      WORKER ",waiting=",
  };
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    CHECK(read_code(texts[i]) == P2P_ERR_PARSE);
    if (read_code(texts[i]) != P2P_ERR_PARSE) fprintf(stderr, "%s\n", texts[i]);
  }
}

TEST(a_truncated_worker_hello_is_refused) {
  char text[] = WORKER;
  /* From the end of `protocols` on; a shorter version of future is a version too. */
  size_t begin = (size_t)(strstr(text, ",id=") - text), end = (size_t)(strstr(text, "1.70") - text);
  for (size_t length = begin; length < end + 3; length++) {
    struct p2p_line line;
    struct p2p_hello_line hello;
    if (p2p_line_parse(text, length, &line) == P2P_OK)
      CHECK(p2p_hello_line_read(&line, &hello) == P2P_ERR_PARSE);
  }
  CHECK(read_code(text) == P2P_OK);
}

TEST(prepare) {
  setenv("TZ", "UTC", 1);
  tzset();
}

UNIT_MAIN("hello_line", UNIT(prepare), UNIT(each_role_has_its_exact_text),
          UNIT(what_the_reader_would_refuse_is_not_written),
          UNIT(hellos_of_programs_without_links_are_other_lines), UNIT(other_lines_are_not_hellos),
          UNIT(malformed_hellos_are_refused), UNIT(a_truncated_worker_hello_is_refused))
