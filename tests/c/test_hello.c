/* The payload of HELLO: exact text, round trip, truncated, oversized and hostile. */
#include "protocol/hello.h"

#include "protocol/pairs.h"
#include "unit.h"

#define BOB "0123456789abcdeffedcba9876543210"
#define CAROL "fedcba98765432100123456789abcdef"
#define CLIENT "member=" BOB "\nr=4.2.2\nfuture=1.70.0\n"
#define WORKER "member=" CAROL "\nr=4.2.2\nfuture=1.70.0\nslots=3\n"
#define RECORDS "records=chacha20poly1305;aes256gcm\n"
#define MACHINE "platform=x86_64-pc-linux-gnu\ncores=4\nmemory=8000\nsandbox=namespaces\n"
#define RESERVES "reserves=1\nlimit=2048\ntags=bioc;x\n"

static struct p2p_hello hello;
static struct p2p_err err;

static int read_worker(const char *text) {
  return p2p_hello_read(text, strlen(text), P2P_ROLE_WORKER, &hello, &err);
}

static int read_client(const char *text) {
  return p2p_hello_read(text, strlen(text), P2P_ROLE_CLIENT, &hello, &err);
}

TEST(a_worker_hello_is_read) {
  CHECK(read_worker(WORKER MACHINE "new=thing\n") == P2P_OK);
  CHECK_STR(hello.member, CAROL);
  CHECK_STR(hello.r_version, "4.2.2");
  CHECK_STR(hello.future_version, "1.70.0");
  CHECK(hello.slots == 3);
  CHECK_STR(hello.machine.platform, "x86_64-pc-linux-gnu");
  CHECK(hello.machine.cores == 4 && hello.machine.memory_mib == 8000);
  CHECK(hello.machine.sandbox == P2P_MACHINE_SANDBOX_NAMESPACES);
  CHECK(read_worker("slots=3\nslots=4\n" WORKER) == P2P_OK && hello.slots == 3);
  CHECK(hello.machine.platform[0] == '\0' && hello.machine.cores == 0 && !hello.machine.reserves);
  CHECK(read_worker(WORKER RESERVES) == P2P_OK && hello.machine.reserves);
  CHECK(hello.machine.limit_mib == 2048 && strcmp(hello.machine.tags, "bioc;x") == 0);
}

TEST(a_client_hello_is_read) {
  CHECK(read_client(CLIENT) == P2P_OK);
  CHECK_STR(hello.member, BOB);
  CHECK(hello.slots == 0);
  CHECK(read_client(WORKER) == P2P_OK && hello.slots == 0); /* it does not count for a client */
  CHECK(!hello.reads_marks && read_client(CLIENT "marks=1\n") == P2P_OK && hello.reads_marks);
  static const char *const others[] = {"marks=\n", "marks=0\n", "marks=11\n", "marks=2\nmarks=1\n"};
  for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
    char text[128];
    snprintf(text, sizeof text, CLIENT "%s", others[i]);
    CHECK(read_client(text) == P2P_OK && !hello.reads_marks);
  }
  CHECK(read_worker(WORKER "marks=1\n") == P2P_OK && !hello.reads_marks);
}

TEST(each_role_has_its_exact_text) {
  char out[P2P_HELLO_MAX + 1];
  static const char *const texts[] = {WORKER MACHINE, WORKER, WORKER MACHINE RESERVES,
                                      WORKER MACHINE RESERVES "gpu=2\n"};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    CHECK(read_worker(texts[i]) == P2P_OK);
    CHECK(p2p_hello_write(&hello, P2P_ROLE_WORKER, out, sizeof out) == (long)strlen(texts[i]));
    CHECK_STR(out, texts[i]);
  }
  CHECK(read_client(CLIENT) == P2P_OK);
  CHECK(p2p_hello_write(&hello, P2P_ROLE_CLIENT, out, sizeof out) == (long)strlen(CLIENT));
  CHECK_STR(out, CLIENT);
  hello.reads_marks = true;
  CHECK(p2p_hello_write(&hello, P2P_ROLE_CLIENT, out, sizeof out) > 0);
  CHECK_STR(out, CLIENT "marks=1\n");
  hello.reads_marks = false;
  for (size_t size = 0; size <= strlen(CLIENT); size++)
    CHECK(p2p_hello_write(&hello, P2P_ROLE_CLIENT, out, size) == P2P_ERR_TOO_LARGE);
  CHECK(p2p_hello_write(&hello, P2P_ROLE_CLIENT, out, strlen(CLIENT) + 1) > 0);
}

#define KEY "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
#define SIGNATURE \
  "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0-Pw"
#define BADGE "user=bob\ndevice=" KEY "\ncertificate=" SIGNATURE "\nproof=" SIGNATURE "\n"

TEST(a_badge_is_written_and_read) {
  char out[P2P_HELLO_MAX + 1];
  CHECK(read_client(CLIENT) == P2P_OK && !hello.has_badge);
  CHECK(read_client(CLIENT BADGE) == P2P_OK && hello.has_badge);
  CHECK_STR(hello.badge.user, "bob");
  CHECK(hello.badge.device.bytes[31] == 31 && hello.badge.proof[63] == 63);
  CHECK(p2p_hello_write(&hello, P2P_ROLE_CLIENT, out, sizeof out) == (long)strlen(CLIENT BADGE));
  CHECK_STR(out, CLIENT BADGE);
  CHECK(read_worker(WORKER BADGE) == P2P_OK && hello.has_badge && hello.slots == 3);
}

TEST(a_malformed_badge_is_refused) {
  static const char *const texts[] = {
      "device=" KEY "\n",
      "user=b@b\ndevice=" KEY "\ncertificate=" SIGNATURE "\nproof=" SIGNATURE "\n",
      "user=bob\ndevice=" KEY "A\ncertificate=" SIGNATURE "\nproof=" SIGNATURE "\n",
      "user=bob\ndevice=" KEY "\ncertificate=" KEY "\nproof=" SIGNATURE "\n",
      "user=bob\ndevice=" KEY "\ncertificate=" SIGNATURE "\n",
      "user=bob\ndevice=\ncertificate=" SIGNATURE "\nproof=" SIGNATURE "\n"};
  char text[P2P_HELLO_MAX];
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    snprintf(text, sizeof text, "%s%s", CLIENT, texts[i]);
    CHECK(read_client(text) == P2P_ERR_PROTOCOL);
    CHECK(strstr(err.message, "device") != NULL);
  }
  snprintf(text, sizeof text, "%s%s", CLIENT, BADGE);
  for (size_t length = strlen(CLIENT "user=bob\ndevice="); length + 1 < strlen(text); length++)
    CHECK(p2p_hello_read(text, length, P2P_ROLE_CLIENT, &hello, &err) == P2P_ERR_PROTOCOL);
}

TEST(the_ciphers_of_both_roles_are_written_and_read) {
  char out[P2P_HELLO_MAX + 1];
  CHECK(read_client(CLIENT) == P2P_OK && hello.ciphers.count == 0);
  CHECK(read_client(CLIENT RECORDS) == P2P_OK && hello.ciphers.count == 2);
  CHECK(p2p_hello_write(&hello, P2P_ROLE_CLIENT, out, sizeof out) == (long)strlen(CLIENT RECORDS));
  CHECK_STR(out, CLIENT RECORDS);
  CHECK(read_worker(WORKER RECORDS) == P2P_OK && hello.ciphers.count == 2);
  CHECK(hello.ciphers.kinds[0] == P2P_CIPHER_CHACHA20_POLY1305);
  CHECK(p2p_hello_write(&hello, P2P_ROLE_WORKER, out, sizeof out) == (long)strlen(WORKER RECORDS));
  CHECK(read_client(CLIENT "records=new1;new2\n") == P2P_OK && hello.ciphers.count == 0);
}

/* The longest badge and machine leave room for the ciphers. */
TEST(the_longest_hello_fits) {
  char out[P2P_HELLO_MAX + 1];
  CHECK(read_worker(WORKER BADGE RECORDS MACHINE) == P2P_OK);
  memset(hello.r_version, '1', sizeof hello.r_version - 1);
  memset(hello.future_version, '1', sizeof hello.future_version - 1);
  memset(hello.badge.user, 'u', sizeof hello.badge.user - 1);
  memset(hello.machine.platform, 'p', sizeof hello.machine.platform - 1);
  hello.machine.gpus = P2P_GPUS_MAX;
  hello.slots = hello.machine.cores = hello.machine.memory_mib = UINT32_MAX;
  CHECK(p2p_hello_write(&hello, P2P_ROLE_WORKER, out, sizeof out) > 0);
}

TEST(a_truncated_hello_is_refused) {
  size_t whole = strlen(WORKER) - 1; /* the last newline may be missing */
  for (size_t length = 0; length < whole; length++) {
    hello.slots = 77;
    CHECK(p2p_hello_read(WORKER, length, P2P_ROLE_WORKER, &hello, &err) == P2P_ERR_PROTOCOL);
    CHECK(hello.slots == 77);
  }
  CHECK(p2p_hello_read(WORKER, whole, P2P_ROLE_WORKER, &hello, &err) == P2P_OK);
}

static void check_refused(const char *text, const char *key) {
  char expected[80];
  snprintf(expected, sizeof expected, "malformed HELLO (%s)", key);
  CHECK(read_worker(text) == P2P_ERR_PROTOCOL);
  CHECK_STR(err.message, expected);
}

#define MACHINE_KEYS "platform, cores, memory, sandbox, cache, limit, tags, gpu"

TEST(the_error_names_the_malformed_key) {
  check_refused("", "member");
  check_refused("member=carol\nr=4.2.2\nfuture=1.70.0\nslots=3\n", "member");
  check_refused("member=" CAROL "0\nr=4.2.2\nfuture=1.70.0\nslots=3\n", "member");
  check_refused("member=" CAROL "\nr=4.2.2;x\nfuture=1.70.0\nslots=3\n", "r");
  check_refused("member=" CAROL "\nr=4.2.2\nslots=3\n", "future");
  check_refused("member=" CAROL "\nr=4.2.2\nfuture=1.70.0\nslots=0\n", "slots");
  check_refused("member=" CAROL "\nr=4.2.2\nfuture=1.70.0\nslots=1025\n", "slots");
  check_refused("member=" CAROL "\nr=4.2.2\nfuture=1.70.0\nslots=4000000000\n", "slots");
  check_refused("member=" CAROL "\nr=4.2.2\nfuture=1.70.0\nslots=99999999999999999999\n", "slots");
  check_refused(WORKER "records=\n", "records");
  check_refused(WORKER "records=aes256gcm;\n", "records");
  check_refused(WORKER "records=AES\n", "records");
  check_refused(WORKER "platform=\n", MACHINE_KEYS);
  check_refused(WORKER "platform=a b\n", MACHINE_KEYS);
  check_refused(WORKER "cores=99999999999999999999\n", MACHINE_KEYS);
  check_refused(WORKER "memory=1e3\n", MACHINE_KEYS);
  check_refused(WORKER "sandbox=jail\n", MACHINE_KEYS);
  check_refused(WORKER "cache=0\n", MACHINE_KEYS);
  check_refused(WORKER "limit=0\n", MACHINE_KEYS);
  check_refused(WORKER "tags=a b\n", MACHINE_KEYS);
  static const char nul[] = "member=" CAROL "\0\nr=4.2.2\nfuture=1.70.0\nslots=3\n";
  CHECK(p2p_hello_read(nul, sizeof nul - 1, P2P_ROLE_WORKER, &hello, &err) == P2P_ERR_PROTOCOL);
}

TEST(an_oversized_hello_is_refused) {
  static char large[P2P_HELLO_MAX + 1];
  memset(large, '\n', sizeof large);
  memcpy(large, WORKER, strlen(WORKER));
  CHECK(p2p_hello_read(large, sizeof large, P2P_ROLE_WORKER, &hello, &err) == P2P_ERR_PROTOCOL);
  CHECK_STR(err.message, "HELLO of more than 1024 bytes");
  CHECK(p2p_hello_read(large, sizeof large - 1, P2P_ROLE_WORKER, &hello, &err) == P2P_OK);
}

TEST(pairs_are_found_by_their_whole_key) {
  char out[8];
  CHECK(p2p_pairs_get("a=1\nb=\n", 7, "b", out, sizeof out));
  CHECK_STR(out, "");
  CHECK(p2p_pairs_get("r=4.2\nerror=no way", 18, "error", out, sizeof out));
  CHECK_STR(out, "no way");
  CHECK(!p2p_pairs_get("errors=1\nerror", 14, "error", out, sizeof out));
  CHECK(!p2p_pairs_get("", 0, "error", out, sizeof out));
  CHECK(p2p_pairs_get("a=1234567", 9, "a", out, sizeof out));
  CHECK(!p2p_pairs_get("a=12345678", 10, "a", out, sizeof out));
  CHECK(!p2p_pairs_get("a=1\0002", 5, "a", out, sizeof out));
  CHECK_STR(out, "1234567"); /* unchanged */
}

UNIT_MAIN("hello", UNIT(a_worker_hello_is_read), UNIT(a_client_hello_is_read),
          UNIT(each_role_has_its_exact_text), UNIT(a_badge_is_written_and_read),
          UNIT(a_malformed_badge_is_refused), UNIT(the_ciphers_of_both_roles_are_written_and_read),
          UNIT(the_longest_hello_fits), UNIT(a_truncated_hello_is_refused),
          UNIT(the_error_names_the_malformed_key), UNIT(an_oversized_hello_is_refused),
          UNIT(pairs_are_found_by_their_whole_key))
