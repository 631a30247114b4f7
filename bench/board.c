/* Many members of a board in one process, over the connections of the package's own members: joins
 * them, has each send a line, and measures which lines arrive and when. bench/board.R drives it: it
 * writes one command per line and reads one result per line.
 *
 *   board PORT KNOWN_HOSTS TOPICS MEMBERS KEY...     MEMBERS on each of TOPICS, using the keys in
 * turn
 *
 *   at-once   all members send a line at the same time
 *   in-turn   on each topic, a member sends its line when the line before has reached all members
 */
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

/* Members that are joining: the board limits unauthenticated connections per address. */
#define JOINING_MAX 24
#define CONNECT_MS 60000
#define STALLED_S 60 /* without a delivery: gives up */
#define LINE_LEN 160 /* bytes, about as long as the lines of a cluster */

struct member {
  struct p2p_ssh *ssh;
  struct p2p_ssh_command *command;
  uint32_t topic, index;
  char line[LINE_LEN]; /* as far as it was received */
  size_t n_line;
};

static struct p2p_loop *loop;
static struct p2p_address address;
static char (*keys)[1024];
static uint32_t n_topics, per_topic, n_keys, n_members, n_started;
static struct member *members; /* member i of topic t is number t * per_topic + i */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static uint32_t n_joined; /* under the lock, like all that follows */
static uint64_t n_arrived, n_wrong, n_awaited;
static bool has_failed;

/* Of the io thread while a round is under way: */
static bool is_in_turn;
static uint8_t *seen;       /* by member and index of the sender */
static uint32_t *delays_us; /* of each delivery */
static uint32_t *senders,
    *n_reached; /* by topic: the sender of the current line, and how many members it has reached */

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

static void send_line(struct member *member) {
  char line[LINE_LEN + 1];
  int length = snprintf(line, sizeof line, "when=%llu,from=%u,", (unsigned long long)now_us(),
                        (unsigned)member->index);
  memset(line + length, 'x', sizeof line - 2 - (size_t)length);
  line[LINE_LEN - 1] = '\n';
  if (p2p_ssh_command_write(member->command, line, LINE_LEN) != P2P_OK)
    fail("a member cannot write");
}

static void on_line(struct member *member) {
  unsigned long long sent_us;
  unsigned index;
  if (sscanf(member->line, "when=%llu,from=%u,", &sent_us, &index) != 2 || index >= per_topic) {
    n_wrong++;
    return;
  }
  size_t at = (size_t)(member - members) * per_topic + index;
  if (seen[at]++ > 0) n_wrong++;
  delays_us[at] = (uint32_t)(now_us() - sent_us);
  n_arrived++;
  if (!is_in_turn || ++n_reached[member->topic] < per_topic) return;
  n_reached[member->topic] = 0;
  if (++senders[member->topic] < per_topic)
    send_line(&members[member->topic * per_topic + senders[member->topic]]);
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
      on_line(member);
    member->n_line = 0;
  }
  if (n_arrived == n_awaited) pthread_cond_broadcast(&changed);
  pthread_mutex_unlock(&lock);
}

static void start_round(void *arg) {
  (void)arg;
  for (uint32_t i = 0; i < n_members; i++)
    if (!is_in_turn || members[i].index == 0) send_line(&members[i]);
}

/* --- joining: on the io thread --- */

static void start_next(void);

static void on_start(void *arg) {
  (void)arg;
  pthread_mutex_lock(&lock);
  n_joined++;
  pthread_cond_broadcast(&changed);
  pthread_mutex_unlock(&lock);
  start_next();
}
static void on_end(void *arg, int exit_status) {
  (void)arg;
  (void)exit_status;
  fail("the command of a member ended");
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

static void start_next(void) {
  static const struct p2p_ssh_callbacks callbacks = {.on_ready = on_ready, .on_close = on_close};
  struct p2p_err err;
  if (n_started == n_members) return;
  struct member *member = &members[n_started];
  member->topic = n_started / per_topic;
  member->index = n_started % per_topic;
  memcpy(address.identities[0], keys[n_started % n_keys], sizeof address.identities[0]);
  n_started++;
  const struct p2p_ssh_request request = {loop, &address, CONNECT_MS};
  if (p2p_ssh_connect(&request, &callbacks, member, &member->ssh, &err) != P2P_OK)
    fail(err.message);
}

static void start_all(void *arg) {
  (void)arg;
  for (int i = 0; i < JOINING_MAX; i++) start_next();
}

static void free_all(void *arg) {
  (void)arg;
  for (uint32_t i = 0; i < n_started; i++) p2p_ssh_free(members[i].ssh);
}

/* --- on the main thread --- */

static void call(void (*fn)(void *arg)) {
  if (p2p_loop_call(loop, fn, NULL) != P2P_OK) fail("the io thread does not respond");
}

/* Waits until the counter, which is under the lock, has reached `least`. */
static bool wait_for(const uint64_t *counter, const uint32_t *small_counter, uint64_t least) {
  pthread_mutex_lock(&lock);
  for (uint64_t before = UINT64_MAX;;) {
    uint64_t count = counter != NULL ? *counter : *small_counter;
    if (count >= least || has_failed) break;
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += STALLED_S;
    if (pthread_cond_timedwait(&changed, &lock, &until) != 0 && count == before) break;
    before = count;
  }
  bool is_reached = !has_failed && (counter != NULL ? *counter : *small_counter) >= least;
  pthread_mutex_unlock(&lock);
  return is_reached;
}

static int compare(const void *a, const void *b) {
  uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  return x < y ? -1 : x > y;
}

static void run_round(bool in_turn) {
  uint64_t n_deliveries = (uint64_t)n_members * per_topic;
  memset(seen, 0, n_deliveries);
  memset(senders, 0, n_topics * sizeof *senders);
  memset(n_reached, 0, n_topics * sizeof *n_reached);
  n_arrived = n_wrong = 0;
  n_awaited = n_deliveries;
  is_in_turn = in_turn;
  uint64_t start_us = now_us();
  call(start_round);
  wait_for(&n_arrived, NULL, n_deliveries);
  uint64_t took_us = now_us() - start_us;
  pthread_mutex_lock(&lock);
  uint64_t n_missing = 0;
  for (uint64_t i = 0; i < n_deliveries; i++) n_missing += seen[i] == 0;
  qsort(delays_us, n_deliveries, sizeof *delays_us, compare);
  printf("deliveries %llu, lost %llu, wrong %llu, seconds %.3f, p50_ms %.3f, p99_ms %.3f, most_ms "
         "%.3f\n",
         (unsigned long long)n_arrived, (unsigned long long)n_missing, (unsigned long long)n_wrong,
         (double)took_us / 1e6, delays_us[n_deliveries / 2] / 1e3,
         delays_us[n_deliveries * 99 / 100] / 1e3, delays_us[n_deliveries - 1] / 1e3);
  pthread_mutex_unlock(&lock);
}

static bool prepare(int argc, char **argv) {
  struct rlimit limit;
  char host[32];
  struct p2p_err err;
  if (argc < 6) return false;
  n_topics = (uint32_t)strtoul(argv[3], NULL, 10);
  per_topic = (uint32_t)strtoul(argv[4], NULL, 10);
  n_keys = (uint32_t)argc - 5;
  n_members = n_topics * per_topic;
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
  seen = calloc(n_members, per_topic);
  delays_us = calloc((size_t)n_members * per_topic, sizeof *delays_us);
  senders = calloc(n_topics, sizeof *senders);
  n_reached = calloc(n_topics, sizeof *n_reached);
  if (keys == NULL || members == NULL || seen == NULL || delays_us == NULL || senders == NULL ||
      n_reached == NULL)
    return false;
  for (uint32_t i = 0; i < n_keys; i++) snprintf(keys[i], sizeof keys[i], "%s", argv[5 + i]);
  return p2p_crypto_init() == P2P_OK && p2p_loop_start(&loop, &err) == P2P_OK;
}

int main(int argc, char **argv) {
  char command[64];
  if (!prepare(argc, argv)) return 2;
  setvbuf(stdout, NULL, _IOLBF, 0);
  uint64_t start_us = now_us();
  call(start_all);
  if (!wait_for(NULL, &n_joined, n_members)) return 1;
  printf("joined %u, seconds %.3f\n", (unsigned)n_members, (double)(now_us() - start_us) / 1e6);
  while (!has_failed && fgets(command, sizeof command, stdin) != NULL)
    run_round(strncmp(command, "in-turn", 7) == 0);
  call(free_all);
  p2p_loop_stop(loop);
  return has_failed;
}
