/* A file is watched by its path: also when the path leads over symbolic links, and when those are
 * pointed elsewhere, as configuration management does. */
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "descriptors.h"
#include "net/file_watch.h"
#include "unit.h"

#define WAIT_S 20

static char folder[] = "/tmp/p2p-watch-XXXXXX";
static struct p2p_loop *loop;
static struct p2p_file_watch *watch;
static struct p2p_err err;
static int code, n_changes, n_seen;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

static const char *path_of(const char *name) {
  static char paths[4][128];
  static unsigned next;
  char *path = paths[next++ % 4];
  snprintf(path, sizeof paths[0], "%s/%s", folder, name);
  return path;
}

static void write_file(const char *name, const char *text) {
  int fd = open(path_of(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  CHECK(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
  close(fd);
}

/* As `ln -sfn`: a new link is renamed over the old one. */
static void point_link(const char *name, const char *target) {
  CHECK(symlink(target, path_of("new-link")) == 0);
  CHECK(rename(path_of("new-link"), path_of(name)) == 0);
}

static void on_change(void *arg) {
  (void)arg;
  pthread_mutex_lock(&lock);
  n_changes++;
  pthread_cond_broadcast(&changed);
  pthread_mutex_unlock(&lock);
}

static bool was_reported(void) {
  struct timespec until;
  clock_gettime(CLOCK_REALTIME, &until);
  until.tv_sec += WAIT_S;
  pthread_mutex_lock(&lock);
  int bad = 0;
  while (n_changes == n_seen && bad == 0) bad = pthread_cond_timedwait(&changed, &lock, &until);
  n_seen = n_changes;
  pthread_mutex_unlock(&lock);
  return bad == 0;
}

static void watch_on_loop(void *arg) {
  code = p2p_file_watch_new(loop, arg, on_change, NULL, &watch, &err);
}
static void free_on_loop(void *arg) {
  (void)arg;
  p2p_file_watch_free(watch);
  watch = NULL;
}

static void start(const char *path) {
  n_changes = n_seen = 0;
  CHECK(p2p_loop_call(loop, watch_on_loop, (void *)path) == P2P_OK);
  CHECK(code == P2P_OK);
}
static void stop(void) { CHECK(p2p_loop_call(loop, free_on_loop, NULL) == P2P_OK); }

TEST(prepare) {
  CHECK(mkdtemp(folder) != NULL);
  CHECK(p2p_loop_start(&loop, &err) == P2P_OK);
}

TEST(a_file_that_is_written_replaced_removed_or_created_is_reported) {
  write_file("file", "1");
  start(path_of("file"));
  write_file("file", "2");
  CHECK(was_reported());
  write_file("file~", "3");
  CHECK(rename(path_of("file~"), path_of("file")) == 0);
  CHECK(was_reported());
  CHECK(unlink(path_of("file")) == 0);
  CHECK(was_reported());
  write_file("file", "4");
  CHECK(was_reported());
  stop();
}

TEST(a_link_that_is_pointed_at_another_file_is_reported) {
  CHECK(mkdir(path_of("one"), 0700) == 0 && mkdir(path_of("two"), 0700) == 0);
  write_file("one/file", "1");
  write_file("two/file", "2");
  point_link("link", "one/file");
  start(path_of("link"));
  write_file("one/file", "1 again");
  CHECK(was_reported());
  point_link("link", path_of("two/file")); /* an absolute one */
  CHECK(was_reported());
  write_file("two/file", "2 again");
  CHECK(was_reported());
  stop();
}

/* The layout of a Kubernetes ConfigMap: file -> ..data/file, ..data -> ..2024/, and ..data is what
 * changes. */
TEST(a_directory_that_is_a_link_and_is_pointed_elsewhere_is_reported) {
  CHECK(mkdir(path_of("map"), 0700) == 0);
  point_link("map/..data", "../one");
  point_link("map/file", "..data/file");
  start(path_of("map/file"));
  point_link("map/..data", "../two");
  CHECK(was_reported());
  write_file("two/file", "2 once more");
  CHECK(was_reported());
  point_link("map/..data", "../nowhere");
  CHECK(was_reported());
  point_link("map/..data", "../one");
  CHECK(was_reported());
  write_file("one/file", "1 once more");
  CHECK(was_reported());
  stop();
}

TEST(a_link_in_the_middle_of_the_path_is_watched) {
  point_link("here", "one");
  point_link("chain", "here/../here");
  start(path_of("chain/file"));
  point_link("here", "two");
  CHECK(was_reported());
  write_file("two/file", "changed");
  CHECK(was_reported());
  stop();
}

TEST(a_directory_that_is_moved_away_and_back_is_reported) {
  write_file("one/file", "1");
  start(path_of("one/file"));
  CHECK(rename(path_of("one"), path_of("gone")) == 0);
  CHECK(was_reported());
  CHECK(rename(path_of("gone"), path_of("one")) == 0);
  CHECK(was_reported());
  write_file("one/file", "after the move");
  CHECK(was_reported());
  stop();
}

TEST(links_that_lead_nowhere_are_watched_until_they_lead_somewhere) {
  point_link("loop-a", "loop-b");
  point_link("loop-b", "loop-a");
  start(path_of("loop-a"));
  point_link("loop-b", "one/file");
  CHECK(was_reported());
  write_file("one/file", "no loop");
  CHECK(was_reported());
  stop();
}

TEST(watches_leave_no_descriptor_behind) {
  start(path_of("map/file"));
  stop();
  int before = count_descriptors();
  for (int i = 0; i < 10; i++) {
    start(path_of("map/file"));
    stop();
  }
  CHECK(count_descriptors() == before);
}

TEST(clean_up) {
  const char *names[] = {"file", "link",     "one/file", "two/file", "map/..data",
                         "here", "map/file", "chain",    "loop-a",   "loop-b"};
  const char *folders[] = {"one", "two", "map"};
  p2p_loop_stop(loop);
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) CHECK(unlink(path_of(names[i])) == 0);
  for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++)
    CHECK(rmdir(path_of(folders[i])) == 0);
  CHECK(rmdir(folder) == 0);
}

UNIT_MAIN("file_watch", UNIT(prepare),
          UNIT(a_file_that_is_written_replaced_removed_or_created_is_reported),
          UNIT(a_link_that_is_pointed_at_another_file_is_reported),
          UNIT(a_directory_that_is_a_link_and_is_pointed_elsewhere_is_reported),
          UNIT(a_link_in_the_middle_of_the_path_is_watched),
          UNIT(a_directory_that_is_moved_away_and_back_is_reported),
          UNIT(links_that_lead_nowhere_are_watched_until_they_lead_somewhere),
          UNIT(watches_leave_no_descriptor_behind), UNIT(clean_up))
