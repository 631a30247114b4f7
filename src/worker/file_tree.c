/* Removal of trees. A folder below a folder is moved to the top before it is emptied, so that two
 * open folders are enough for any depth. */
#include "worker/file_tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"

#define FOLDER (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
#define NAMES_MAX 1000 /* attempts to find a new name */
#define ROUNDS_MAX 20  /* a process that has just been killed may still create a file */
#define ROUND_MS 10

struct removal {
  int top;           /* descriptor of the folder that is emptied */
  unsigned next;     /* number of the next folder that is moved to the top */
  uint64_t until_ms; /* when to give up */
  uint64_t progress; /* entries that were removed or moved in this pass */
  uint64_t left;     /* entries of the top that are left */
};

static bool is_late(const struct removal *removal) { return p2p_clock_ms() >= removal->until_ms; }

static bool is_dots(const char *name) { return strcmp(name, ".") == 0 || strcmp(name, "..") == 0; }

static int permit(int at, const char *name) {
  return fchmodat(at, name, S_IRWXU, AT_SYMLINK_NOFOLLOW);
}

static int open_folder(int at, const char *name) {
  struct stat status;
  int fd = openat(at, name, FOLDER);
  if (fd < 0 && errno == EACCES && permit(at, name) == 0) fd = openat(at, name, FOLDER);
  if (fd >= 0 && fstat(fd, &status) == 0 && (status.st_mode & S_IRWXU) != S_IRWXU)
    (void)!fchmod(fd, S_IRWXU);
  return fd;
}

static DIR *list(int folder) {
  int fd = openat(folder, ".", FOLDER);
  DIR *entries = fd < 0 ? NULL : fdopendir(fd);
  if (entries == NULL && fd >= 0) close(fd);
  return entries;
}

/* Removes what is not a folder. */
static bool remove_file(struct removal *removal, int at, const char *name) {
  if (unlinkat(at, name, 0) != 0) return errno == ENOENT;
  removal->progress++;
  return true;
}

/* A folder without write permission cannot be moved, since its ".." changes. */
static void move_to_top(struct removal *removal, int at, const char *name) {
  char number[16];
  for (int i = 0; i < NAMES_MAX; i++) {
    snprintf(number, sizeof number, "%u", removal->next++);
    if (renameat(at, name, removal->top, number) == 0) {
      removal->progress++;
      return;
    }
    bool is_taken = errno == EEXIST || errno == ENOTEMPTY || errno == ENOTDIR;
    if (!is_taken && (errno != EACCES || permit(at, name) != 0)) return;
  }
}

static bool remove_folder(struct removal *removal, const char *name) {
  int folder = open_folder(removal->top, name);
  DIR *entries = folder < 0 ? NULL : list(folder);
  struct dirent *entry;
  while (entries != NULL && !is_late(removal) && (entry = readdir(entries)) != NULL)
    if (!is_dots(entry->d_name) && !remove_file(removal, folder, entry->d_name))
      move_to_top(removal, folder, entry->d_name);
  if (entries != NULL) closedir(entries);
  if (folder >= 0) close(folder);
  if (unlinkat(removal->top, name, AT_REMOVEDIR) != 0) return false;
  removal->progress++;
  return true;
}

static void pass(struct removal *removal) {
  DIR *entries = list(removal->top);
  struct dirent *entry;
  removal->progress = 0;
  removal->left = entries == NULL;
  while (entries != NULL && (entry = readdir(entries)) != NULL) {
    if (is_dots(entry->d_name)) continue;
    if (is_late(removal) || (!remove_file(removal, removal->top, entry->d_name) &&
                             !remove_folder(removal, entry->d_name)))
      removal->left++;
  }
  if (entries != NULL) closedir(entries);
}

static int empty_until(const char *path, uint64_t until_ms) {
  struct removal removal = {.until_ms = until_ms};
  removal.top = open_folder(AT_FDCWD, path);
  if (removal.top < 0) return P2P_ERR_SYSTEM;
  do pass(&removal);
  while (removal.progress > 0 && !is_late(&removal));
  close(removal.top);
  return removal.left == 0 ? P2P_OK : P2P_ERR_SYSTEM;
}

int p2p_file_tree_make(const char *path) {
  if (mkdir(path, S_IRWXU) == 0 || errno == EEXIST) return P2P_OK;
  if (errno != ENOENT) return P2P_ERR_SYSTEM;
  char *above = strdup(path), *slash = above == NULL ? NULL : strrchr(above, '/');
  int code = P2P_ERR_SYSTEM;
  if (slash != NULL && slash != above) {
    *slash = '\0';
    code = p2p_file_tree_make(above);
  }
  free(above);
  return code == P2P_OK && mkdir(path, S_IRWXU) == 0 ? P2P_OK : P2P_ERR_SYSTEM;
}

int p2p_file_tree_remove(const char *path) {
  uint64_t until_ms = p2p_clock_ms() + P2P_FILE_TREE_MS;
  if (unlink(path) == 0 || errno == ENOENT) return P2P_OK;
  for (int i = 0; i < ROUNDS_MAX; i++) {
    if (i > 0) poll(NULL, 0, ROUND_MS);
    (void)!empty_until(path, until_ms);
    if (rmdir(path) == 0 || errno == ENOENT) return P2P_OK;
  }
  return P2P_ERR_SYSTEM;
}

int p2p_file_tree_renew(const char *path) {
  if (empty_until(path, p2p_clock_ms() + P2P_FILE_TREE_MS) == P2P_OK) return P2P_OK;
  return p2p_file_tree_remove(path) == P2P_OK ? p2p_file_tree_make(path) : P2P_ERR_SYSTEM;
}
