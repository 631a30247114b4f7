/* Many members of a board in one process, over the connections that the package's own members use:
 * joins them, has each say a line, and counts what arrives and when. Driven by bench/board.R, which
 * writes a command a line and reads an answer a line.
 *
 *   board PORT KNOWN_HOSTS TOPICS MEMBERS KEY...     MEMBERS on each of TOPICS, with the keys in
 * turn
 *
 *   at-once   everybody says a line at the same time
 *   in-turn   on each topic one after the other, each when the line before has reached all */
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "board/ssh.h"
#include "crypto/random.h"
#include "net/loop.h"

#define AT_ONCE \
  24 /* that are on their way in: the board lets no more strangers of one address wait */
#define CONNECT_MS 60000
#define STALLED_S 60 /* without a single delivery: given up */
#define LINE_LEN 160 /* about what the lines of a cluster have */

struct member {
  struct p2p_ssh *ssh;
  struct p2p_ssh_command *command;
  uint32_t topic, seat;
  char line[LINE_LEN]; /* the start of one that is not there in full yet */
  size_t n_line;
};

static struct p2p_loop *loop;
static struct p2p_address address;
static char (*keys)[1024];
static uint32_t n_topics, n_seats, n_keys, n_members, n_begun;
static struct member *members; /* seat s of topic t is number t * n_seats + s */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static uint32_t n_there; /* under the lock, as all that follows */
static uint64_t n_arrived, n_wrong, n_awaited;
static bool has_failed;

/* Of the io thread while a round is under way: */
static bool is_in_turn;
static uint8_t *seen;       /* by member and seat of the sender */
static uint32_t *delays_us; /* a delivery each */
static uint32_t *turns,
    *n_reached; /* by topic: whose line is under way, and how many it has reached */

static uint64_t now_us(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static void fail(const char *why) {
  fprintf(stderr, "bench/board: %s\n", why);
  pthread_mutex_lock(&lock);
  has_failed = true;
  pthread_cond_broadcast(&changed);
  pthread_mutex_unlock(&lock);
}

/* --- lines: on the io thread --- */

static void say(struct member *member) {
  char line[LINE_LEN + 1];
  int length = snprintf(line, sizeof line, "when=%llu,from=%u,", (unsigned long long)now_us(),
                        (unsigned)member->seat);
  memset(line + length, 'x', sizeof line - 2 - (size_t)length);
  line[LINE_LEN - 1] = '\n';
  if (p2p_ssh_command_write(member->command, line, LINE_LEN) != P2P_OK)
    fail("a member cannot write");
}

static void take_line(struct member *member) {
  unsigned long long sent_us;
  unsigned seat;
  if (sscanf(member->line, "when=%llu,from=%u,", &sent_us, &seat) != 2 || seat >= n_seats) {
    n_wrong++;
    return;
  }
  size_t at = (size_t)(member - members) * n_seats + seat;
  if (seen[at]++ > 0) n_wrong++;
  delays_us[at] = (uint32_t)(now_us() - sent_us);
  n_arrived++;
  if (!is_in_turn || ++n_reached[member->topic] < n_seats) return;
  n_reached[member->topic] = 0;
  if (++turns[member->topic] < n_seats)
    say(&members[member->topic * n_seats + turns[member->topic]]);
}

static void on_output(void *arg, const char *bytes, size_t length) {
  struct member *member = arg;
  pthread_mutex_lock(&lock);
  for (size_t i = 0; i < length; i++) {
    member->line[member->n_line++] = bytes[i];
    if (bytes[i] != '\n' && member->n_line < LINE_LEN) continue;
    if (bytes[i] != '\n' || member->n_line != LINE_LEN)
      n_wrong++;
    else
      take_line(member);
    member->n_line = 0;
  }
  if (n_arrived == n_awaited) pthread_cond_broadcast(&changed);
  pthread_mutex_unlock(&lock);
}

static void begin_round(void *arg) {
  (void)arg;
  for (uint32_t i = 0; i < n_members; i++)
    if (!is_in_turn || members[i].seat == 0) say(&members[i]);
}

/* --- coming: on the io thread --- */

static void begin_next(void);

static void on_start(void *arg) {
  (void)arg;
  pthread_mutex_lock(&lock);
  n_there++;
  pthread_cond_broadcast(&changed);
  pthread_mutex_unlock(&lock);
  begin_next();
}
static void on_end(void *arg, int exit_status) {
  (void)arg;
  (void)exit_status;
  fail("a member was sent off its topic");
}
static void on_close(void *arg, const struct p2p_err *err) {
  (void)arg;
  fail(err->message);
}

static void on_ready(void *arg) {
  static const struct p2p_ssh_command_callbacks callbacks = {
      .on_start = on_start, .on_output = on_output, .on_end = on_end};
  struct member *member = arg;
  struct p2p_err err;
  char command[64];
  snprintf(command, sizeof command, "pipe bench-%u -r", (unsigned)member->topic);
  if (p2p_ssh_run(member->ssh, command, &callbacks, member, &member->command, &err) != P2P_OK)
    fail(err.message);
}

static void begin_next(void) {
  static const struct p2p_ssh_callbacks callbacks = {.on_ready = on_ready, .on_close = on_close};
  struct p2p_err err;
  if (n_begun == n_members) return;
  struct member *member = &members[n_begun];
  member->topic = n_begun / n_seats;
  member->seat = n_begun % n_seats;
  memcpy(address.identities[0], keys[n_begun % n_keys], sizeof address.identities[0]);
  n_begun++;
  const struct p2p_ssh_request request = {loop, &address, CONNECT_MS};
  if (p2p_ssh_connect(&request, &callbacks, member, &member->ssh, &err) != P2P_OK)
    fail(err.message);
}

static void begin_all(void *arg) {
  (void)arg;
  for (int i = 0; i < AT_ONCE; i++) begin_next();
}

static void leave_all(void *arg) {
  (void)arg;
  for (uint32_t i = 0; i < n_begun; i++) p2p_ssh_free(members[i].ssh);
}

/* --- on the main thread --- */

/* Waits until the counter, which is under the lock, has come so far. */
static bool wait_for(const uint64_t *counter, const uint32_t *small_counter, uint64_t most) {
  pthread_mutex_lock(&lock);
  for (uint64_t before = UINT64_MAX;;) {
    uint64_t count = counter != NULL ? *counter : *small_counter;
    if (count >= most || has_failed) break;
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += STALLED_S;
    if (pthread_cond_timedwait(&changed, &lock, &until) != 0 && count == before) break;
    before = count;
  }
  bool is_there = !has_failed && (counter != NULL ? *counter : *small_counter) >= most;
  pthread_mutex_unlock(&lock);
  return is_there;
}

static int compare(const void *a, const void *b) {
  uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  return x < y ? -1 : x > y;
}

static void run_round(bool in_turn) {
  uint64_t most = (uint64_t)n_members * n_seats;
  memset(seen, 0, most);
  memset(turns, 0, n_topics * sizeof *turns);
  memset(n_reached, 0, n_topics * sizeof *n_reached);
  n_arrived = n_wrong = 0;
  n_awaited = most;
  is_in_turn = in_turn;
  uint64_t began_us = now_us();
  CHECK(p2p_loop_call(loop, begin_round, NULL) == P2P_OK);
  wait_for(&n_arrived, NULL, most);
  uint64_t took_us = now_us() - began_us;
  pthread_mutex_lock(&lock);
  uint64_t n_missing = 0;
  for (uint64_t i = 0; i < most; i++) n_missing += seen[i] == 0;
  qsort(delays_us, most, sizeof *delays_us, compare);
  printf("deliveries %llu, lost %llu, wrong %llu, seconds %.3f, p50_ms %.3f, p99_ms %.3f, most_ms "
         "%.3f\n",
         (unsigned long long)n_arrived, (unsigned long long)n_missing, (unsigned long long)n_wrong,
         (double)took_us / 1e6, delays_us[most / 2] / 1e3, delays_us[most * 99 / 100] / 1e3,
         delays_us[most - 1] / 1e3);
  pthread_mutex_unlock(&lock);
}

static bool prepare(int argc, char **argv) {
  struct rlimit limit;
  char host[32];
  struct p2p_err err;
  if (argc < 6) return false;
  n_topics = (uint32_t)strtoul(argv[3], NULL, 10);
  n_seats = (uint32_t)strtoul(argv[4], NULL, 10);
  n_keys = (uint32_t)argc - 5;
  n_members = n_topics * n_seats;
  if (n_members == 0) return false;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  snprintf(host, sizeof host, "127.0.0.1:%s", argv[1]);
  if (p2p_address_parse(host, NULL, 0, &address, &err) != P2P_OK) return false;
  address.identities_only = true;
  address.n_identities = 1;
  snprintf(address.known_hosts, sizeof address.known_hosts, "%s", argv[2]);
  keys = calloc(n_keys, sizeof *keys);
  members = calloc(n_members, sizeof *members);
  seen = calloc(n_members, n_seats);
  delays_us = calloc((size_t)n_members * n_seats, sizeof *delays_us);
  turns = calloc(n_topics, sizeof *turns);
  n_reached = calloc(n_topics, sizeof *n_reached);
  if (keys == NULL || members == NULL || seen == NULL || delays_us == NULL || turns == NULL ||
      n_reached == NULL)
    return false;
  for (uint32_t i = 0; i < n_keys; i++) snprintf(keys[i], sizeof keys[i], "%s", argv[5 + i]);
  return p2p_crypto_init() == P2P_OK && p2p_loop_start(&loop, &err) == P2P_OK;
}

int main(int argc, char **argv) {
  char command[64];
  if (!prepare(argc, argv)) return 2;
  setvbuf(stdout, NULL, _IOLBF, 0);
  uint64_t began_us = now_us();
  CHECK(p2p_loop_call(loop, begin_all, NULL) == P2P_OK);
  if (!wait_for(NULL, &n_there, n_members)) return 1;
  printf("joined %u, seconds %.3f\n", (unsigned)n_members, (double)(now_us() - began_us) / 1e6);
  while (!has_failed && fgets(command, sizeof command, stdin) != NULL)
    run_round(strncmp(command, "in-turn", 7) == 0);
  CHECK(p2p_loop_call(loop, leave_all, NULL) == P2P_OK);
  p2p_loop_stop(loop);
  return has_failed;
}
