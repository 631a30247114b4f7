/* The scratch folders of evaluators: what is there, and what is left after each end. */
#include "worker/scratch.h"

#include <dirent.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "sshd_fixture.h"
#include "worker/file_tree.h"

static struct site site;
static struct p2p_loop *loop;
static struct p2p_scratch *scratch;
static struct p2p_scratch_folder *folder;
static char root[160], work[200], tmp[200];

static bool is_there(const char *path) { return access(path, F_OK) == 0; }

/* Waits until the path does not exist. */
static bool disappears(const char *path) {
  uint64_t until_ms = p2p_clock_ms() + SITE_WAIT_MS;
  while (is_there(path) && p2p_clock_ms() < until_ms) poll(NULL, 0, 5);
  return !is_there(path);
}

static void new_here(void *arg) { CHECK(p2p_scratch_new(loop, arg, &scratch, NULL) == P2P_OK); }

static void add_here(void *arg) {
  static const char *const env[] = {"A=1", "TMPDIR=/nowhere", "B=2", NULL};
  struct p2p_err err = {0};
  (void)arg;
  CHECK(p2p_scratch_folder_new(scratch, env, &folder, &err) == P2P_OK);
  const char *const *own = p2p_scratch_folder_env(folder);
  CHECK_STR(own[0], "A=1");
  CHECK_STR(own[2], "B=2");
  CHECK(own[3] == NULL && strncmp(own[1], "TMPDIR=", 7) == 0);
  snprintf(tmp, sizeof tmp, "%s", own[1] + 7);
  snprintf(work, sizeof work, "%s", p2p_scratch_folder_work(folder));
}

static void drop_here(void *arg) {
  (void)arg;
  p2p_scratch_folder_free(folder);
}

static void free_here(void *arg) {
  (void)arg;
  p2p_scratch_free(scratch);
}

static void on_loop(void (*fn)(void *arg), void *arg) {
  CHECK(p2p_loop_call(loop, fn, arg) == P2P_OK);
}

static bool is_private(const char *path) {
  struct stat status;
  return lstat(path, &status) == 0 && S_ISDIR(status.st_mode) && (status.st_mode & 0777) == 0700;
}

TEST(each_process_has_private_folders) {
  site_open(&site);
  CHECK(p2p_loop_start(&loop, NULL) == P2P_OK);
  snprintf(root, sizeof root, "%s", site_path(&site, "Rtmp1/evaluators"));
  on_loop(new_here, root);
  on_loop(add_here, NULL);
  CHECK(is_private(root) && is_private(work) && is_private(tmp));
  char first[200], file[220];
  snprintf(first, sizeof first, "%s", work);
  snprintf(file, sizeof file, "%s/file", tmp);
  CHECK(mkdir(file, 0500) == 0);
  on_loop(drop_here, NULL);
  CHECK(!is_there(first) && !is_there(tmp)); /* at once: renamed */
  on_loop(add_here, NULL);
  CHECK(strcmp(first, work) != 0 && is_private(work));
  on_loop(drop_here, NULL);
  char old[200];
  snprintf(old, sizeof old, "%s/old/1", root);
  CHECK(disappears(old));
}

TEST(folders_that_were_removed_are_made_again) {
  CHECK(p2p_file_tree_remove(site_path(&site, "Rtmp1")) == P2P_OK);
  on_loop(add_here, NULL);
  CHECK(is_private(root) && is_private(work) && is_private(tmp));
  CHECK(p2p_file_tree_remove(root) == P2P_OK);
  on_loop(drop_here, NULL);
  on_loop(add_here, NULL);
  CHECK(is_private(work));
}

/* Rtmp1 is in use. */
TEST(next_worker_removes_what_an_ended_one_has_left) {
  const char *dead = site_path(&site, "Rtmp2"), *other = site_path(&site, "Rtmp3"),
             *file = site_path(&site, "Rtmp3/kept"), *foreign = site_path(&site, "tmp/evaluators");
  char own[160], path[200];
  snprintf(own, sizeof own, "%s", site_path(&site, "Rtmp0/evaluators"));
  snprintf(path, sizeof path, "%s/evaluators/1/work", dead);
  CHECK(p2p_file_tree_make(path) == P2P_OK);
  snprintf(path, sizeof path, "%s/evaluators/1/work", other);
  CHECK(p2p_file_tree_make(path) == P2P_OK && p2p_file_tree_make(file) == P2P_OK);
  CHECK(p2p_file_tree_make(foreign) == P2P_OK);
  CHECK(symlink("/", site_path(&site, "Rtmp4")) == 0 &&
        mkdir(site_path(&site, "Rtmp5"), 0700) == 0);
  p2p_scratch_sweep(own);
  CHECK(!is_there(dead) && is_there(file) && is_there(foreign) && is_there(work));
  snprintf(path, sizeof path, "%s/evaluators", other);
  CHECK(!is_there(path));
  CHECK(is_there(site_path(&site, "Rtmp4")) && is_there(site_path(&site, "Rtmp5")));
  on_loop(drop_here, NULL);
  on_loop(free_here, NULL);
  p2p_scratch_sweep(own);
  CHECK(!is_there(root));
  p2p_loop_stop(loop);
  site_close(&site);
}

UNIT_MAIN("scratch", UNIT(each_process_has_private_folders),
          UNIT(folders_that_were_removed_are_made_again),
          UNIT(next_worker_removes_what_an_ended_one_has_left))
