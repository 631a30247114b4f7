/* A temporary folder for tests of keys/, and ways to spoil what is in it. */
#ifndef P2P_TESTS_KEY_FOLDER_H
#define P2P_TESTS_KEY_FOLDER_H

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unit.h"

static char key_root[64];   /* made by key_folder_make */
static char key_folder[80]; /* "keys" in it: not made */
static char key_path[512];  /* of key_folder_path */

static inline void key_folder_make(void) {
  snprintf(key_root, sizeof key_root, "/tmp/p2p-keys-XXXXXX");
  CHECK(mkdtemp(key_root) != NULL);
  snprintf(key_folder, sizeof key_folder, "%s/keys", key_root);
}

/* Removes the folder that key_folder_make has made. */
static inline void key_folder_remove(void) {
  char command[96];
  snprintf(command, sizeof command, "rm -rf '%s'", key_root);
  CHECK(system(command) == 0);
}

static inline const char *key_folder_path(const char *name) {
  snprintf(key_path, sizeof key_path, "%s/%s", key_folder, name);
  return key_path;
}

static inline void key_folder_write(const char *name, const void *bytes, size_t length) {
  unlink(key_folder_path(name));
  int fd = open(key_path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  CHECK(fd >= 0 && write(fd, bytes, length) == (ssize_t)length);
  close(fd);
}

static inline size_t key_folder_read(const char *name, char *out, size_t size) {
  int fd = open(key_folder_path(name), O_RDONLY | O_CLOEXEC);
  ssize_t n = fd < 0 ? -1 : read(fd, out, size - 1);
  CHECK(n >= 0);
  if (n < 0) n = 0;
  out[n] = '\0';
  if (fd >= 0) close(fd);
  return (size_t)n;
}

static inline unsigned key_folder_mode(const char *name) {
  struct stat info;
  return lstat(key_folder_path(name), &info) == 0 ? (unsigned)info.st_mode & 0777 : 0;
}

#endif
