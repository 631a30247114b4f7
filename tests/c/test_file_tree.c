/* The removal of trees that futures have made. */
#include "worker/file_tree.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "sshd_fixture.h"

#define DEPTH 3000
#define WIDTH 500

static struct site site;

static const char *at(const char *name) { return site_path(&site, name); }

static void write_file(const char *name) { site_write(&site, name, "%s", name); }

static bool is_there(const char *name) { return access(at(name), F_OK) == 0; }

TEST(tree_is_removed) {
  char name[64];
  site_open(&site);
  CHECK(p2p_file_tree_remove(at("t")) == P2P_OK); /* there is none */
  CHECK(p2p_file_tree_make(at("t/0/0/1")) == P2P_OK && p2p_file_tree_make(at("t/0")) == P2P_OK);
  for (int i = 0; i < WIDTH; i++) {
    snprintf(name, sizeof name, "t/0/0/%d", i);
    if (i != 1) write_file(name);
    snprintf(name, sizeof name, "t/.%d", i);
    write_file(name);
  }
  CHECK(mkfifo(at("t/0/pipe"), 0600) == 0);
  CHECK(p2p_file_tree_renew(at("t")) == P2P_OK);
  CHECK(rmdir(at("t")) == 0); /* it was empty */
  CHECK(p2p_file_tree_renew(at("t")) == P2P_OK && rmdir(at("t")) == 0);
  write_file("t");
  CHECK(p2p_file_tree_renew(at("t")) == P2P_OK && rmdir(at("t")) == 0);
  write_file("t");
  CHECK(p2p_file_tree_make(at("t/a")) == P2P_ERR_SYSTEM);
  CHECK(p2p_file_tree_remove(at("t")) == P2P_OK && !is_there("t"));
}

TEST(links_are_not_followed) {
  CHECK(mkdir(at("kept"), 0700) == 0 && mkdir(at("t"), 0700) == 0 && mkdir(at("t/a"), 0700) == 0);
  write_file("kept/file");
  CHECK(symlink(at("kept"), at("t/link")) == 0 && symlink(at("kept"), at("t/a/link")) == 0 &&
        symlink("/", at("t/a/root")) == 0 && symlink(at("kept"), at("to-kept")) == 0);
  CHECK(chmod(at("kept"), 0500) == 0);
  CHECK(p2p_file_tree_renew(at("to-kept")) == P2P_OK && rmdir(at("to-kept")) == 0);
  CHECK(p2p_file_tree_remove(at("t")) == P2P_OK && !is_there("t"));
  struct stat status;
  CHECK(is_there("kept/file") && stat(at("kept"), &status) == 0 && (status.st_mode & 0777) == 0500);
  CHECK(chmod(at("kept"), 0700) == 0);
}

TEST(folders_without_permissions_are_removed) {
  CHECK(mkdir(at("t"), 0700) == 0 && mkdir(at("t/a"), 0700) == 0 && mkdir(at("t/a/b"), 0700) == 0 &&
        mkdir(at("t/a/b/c"), 0700) == 0);
  write_file("t/a/b/file");
  CHECK(chmod(at("t/a/b/c"), 0) == 0 && chmod(at("t/a/b"), 0500) == 0 && chmod(at("t/a"), 0) == 0 &&
        chmod(at("t"), 0500) == 0);
  CHECK(p2p_file_tree_remove(at("t")) == P2P_OK && !is_there("t"));
}

/* Deeper than a path can be long, with more levels than descriptors. */
TEST(depth_is_not_limited) {
  int here = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  CHECK(mkdir(at("t"), 0700) == 0 && chdir(at("t")) == 0);
  for (int i = 0; i < DEPTH; i++) CHECK(mkdir("folder", 0700) == 0 && chdir("folder") == 0);
  CHECK(fchdir(here) == 0);
  close(here);
  CHECK(p2p_file_tree_remove(at("t")) == P2P_OK && !is_there("t"));
  site_close(&site);
}

/* As root, permissions mean nothing. */
__attribute__((constructor)) static void drop_root(void) {
  if (getuid() == 0) CHECK(setgid(65534) == 0 && setuid(65534) == 0);
}

UNIT_MAIN("file_tree", UNIT(tree_is_removed), UNIT(links_are_not_followed),
          UNIT(folders_without_permissions_are_removed), UNIT(depth_is_not_limited))
