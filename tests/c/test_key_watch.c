/* What the host of a cluster notices in its files while it runs. */
#include <pthread.h>
#include <stdbool.h>
#include <time.h>

#include "board/key_watch.h"
#include "key_folder.h"
#include "keys/members_file.h"
#include "keys/ownership.h"
#include "unit.h"

#define CLUSTER "alice/friends"
#define WAIT_S 20

static struct p2p_loop *loop;
static struct p2p_err err;
static struct p2p_device device;
static struct p2p_key_files files;
static struct p2p_key_place place;
static const struct p2p_identity from = {"0123456789abcdef0123456789abcdef", "alice@desk:1"};
static struct p2p_key_watch *watch;
static int code;
static uint32_t epoch; /* that was reported last */
static size_t n_sent;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

static void on_key(void *arg, const struct p2p_membership *membership) {
  (void)arg;
  p2p_key_watch_free(watch);
  watch = NULL;
  pthread_mutex_lock(&lock);
  epoch = membership->grant.epoch;
  pthread_cond_broadcast(&changed);
  pthread_mutex_unlock(&lock);
}

static void send(void *arg, const struct p2p_line *line) {
  struct p2p_epoch announced;
  (void)arg;
  CHECK(p2p_epoch_read(line, CLUSTER, &announced) == P2P_OK && announced.epoch == 2);
  CHECK(announced.n_expelled == 1);
  n_sent++;
}

static bool was_reported(uint32_t wanted) {
  struct timespec until;
  clock_gettime(CLOCK_REALTIME, &until);
  until.tv_sec += WAIT_S;
  pthread_mutex_lock(&lock);
  int bad = 0;
  while (epoch != wanted && bad == 0) bad = pthread_cond_timedwait(&changed, &lock, &until);
  pthread_mutex_unlock(&lock);
  return bad == 0;
}

static void watch_on_loop(void *arg) {
  static const struct p2p_key_watch_callbacks callbacks = {on_key, send};
  const struct p2p_key_watch_config config = {
      .loop = loop, .files = &files, .device = &device, .from = &from};
  const struct p2p_epoch first = {.epoch = 1};
  (void)arg;
  code = p2p_key_watch_new(&config, &first, &callbacks, NULL, &watch, &err);
}

static void make_files(void) {
  static struct p2p_address address;
  static struct p2p_membership membership;
  key_folder_make();
  CHECK(p2p_address_parse("board:22", NULL, 0, &address, &err) == P2P_OK);
  CHECK(p2p_key_files_set(&files, key_folder, &address, &err) == P2P_OK);
  snprintf(files.cluster, sizeof files.cluster, CLUSTER);
  snprintf(files.account, sizeof files.account, "alice");
  place = p2p_key_files_place(&files);
  CHECK(p2p_device_load(key_folder, &device, &err) == P2P_OK);
  CHECK(p2p_ownership_open(&place, &device, &membership, &err) == P2P_OK);
}

static int add_bob(void *arg, struct p2p_members *members, struct p2p_err *error) {
  static const struct p2p_sign_public key = {{1}};
  (void)arg;
  (void)error;
  return p2p_members_add(members, "bob", &key, 1);
}

TEST(a_watch_may_be_freed_when_it_reports_a_key) {
  size_t n;
  make_files();
  CHECK(p2p_members_change(&place, add_bob, NULL, &err) == P2P_OK);
  CHECK(p2p_loop_start(&loop, &err) == P2P_OK);
  CHECK(p2p_loop_call(loop, watch_on_loop, NULL) == P2P_OK && code == P2P_OK);
  CHECK(p2p_ownership_expel(&place, &device, "bob", &n, &err) == P2P_OK && n == 1);
  CHECK(was_reported(2));
  p2p_loop_stop(loop);
  CHECK(watch == NULL && n_sent == 1);
  key_folder_remove();
}

UNIT_MAIN("key_watch", UNIT(a_watch_may_be_freed_when_it_reports_a_key))
