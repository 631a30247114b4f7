/* A users file is read when it is first watched, and after each change. */
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "server/accounts_file.h"
#include "unit.h"

#define WAIT_S 20
#define ALICE \
  "alice ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJcH5hWUXvOjbCIWAyOiY+LiwOt+VwH815eJfsxOdWku\n"
#define BOB "bob ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJcH5hWUXvOjbCIWAyOiY+LiwOt+VwH815eJfsxOdWkv\n"

static char folder[] = "/tmp/p2p-users-XXXXXX";
static char path[64];
static struct p2p_loop *loop;
static struct p2p_accounts_file *file;
static struct p2p_err err, read_err;
static int code;
static size_t n_users;
static int n_reports, n_errors;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

/* As editors do it: a new file is renamed over the old one. */
static void write_file(const char *text) {
  char new_path[80];
  snprintf(new_path, sizeof new_path, "%s~", path);
  int fd = open(new_path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  CHECK(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
  close(fd);
  CHECK(rename(new_path, path) == 0);
}

static void report(void) {
  pthread_mutex_lock(&lock);
  n_reports++;
  pthread_cond_broadcast(&changed);
  pthread_mutex_unlock(&lock);
}

static void on_read(void *arg, struct p2p_accounts *accounts) {
  (void)arg;
  n_users = p2p_accounts_count(accounts);
  p2p_accounts_free(accounts);
  report();
}
static void on_error(void *arg, const struct p2p_err *why) {
  (void)arg;
  read_err = *why;
  n_errors++;
  report();
}

/* The number of reports is at least `least`. */
static bool wait_for_reports(int least) {
  struct timespec until;
  clock_gettime(CLOCK_REALTIME, &until);
  until.tv_sec += WAIT_S;
  pthread_mutex_lock(&lock);
  int bad = 0;
  while (n_reports < least && bad == 0) bad = pthread_cond_timedwait(&changed, &lock, &until);
  pthread_mutex_unlock(&lock);
  return bad == 0;
}

static void start_on_loop(void *arg) {
  static const struct p2p_accounts_file_callbacks callbacks = {on_read, on_error};
  (void)arg;
  code = p2p_accounts_file_new(loop, path, &callbacks, NULL, &file, &err);
}
static void stop_on_loop(void *arg) {
  (void)arg;
  p2p_accounts_file_free(file);
}

TEST(the_file_is_read_at_first_and_after_each_change) {
  CHECK(mkdtemp(folder) != NULL);
  snprintf(path, sizeof path, "%s/users", folder);
  CHECK(p2p_loop_start(&loop, &err) == P2P_OK);
  write_file(ALICE);
  CHECK(p2p_loop_call(loop, start_on_loop, NULL) == P2P_OK && code == P2P_OK);
  CHECK(wait_for_reports(1));
  CHECK(n_users == 1 && n_errors == 0);
  write_file(ALICE BOB);
  CHECK(wait_for_reports(2));
  CHECK(n_users == 2 && n_errors == 0);
}

TEST(a_mistake_and_a_missing_file_are_reported) {
  write_file("alice nonsense\n");
  CHECK(wait_for_reports(3));
  CHECK(n_errors == 1 && read_err.code == P2P_ERR_PARSE);
  CHECK_STR(read_err.reason, "user_key");
  CHECK(unlink(path) == 0);
  CHECK(wait_for_reports(4));
  CHECK(n_errors == 2 && read_err.code == P2P_ERR_SYSTEM);
  CHECK(strstr(read_err.message, path) != NULL);
  write_file(BOB);
  CHECK(wait_for_reports(5));
  CHECK(n_errors == 2 && n_users == 1);
}

TEST(clean_up) {
  CHECK(p2p_loop_call(loop, stop_on_loop, NULL) == P2P_OK);
  p2p_loop_stop(loop);
  CHECK(unlink(path) == 0 && rmdir(folder) == 0);
}

UNIT_MAIN("accounts_file", UNIT(the_file_is_read_at_first_and_after_each_change),
          UNIT(a_mistake_and_a_missing_file_are_reported), UNIT(clean_up))
