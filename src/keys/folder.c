/* Folders of keys, and their lock: flock() on a file that is never removed. */
#include "keys/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "keys/privacy.h"

#define FOLDER (O_RDONLY | O_DIRECTORY | O_CLOEXEC)
#define LOCK "lock"
#define PAUSE_MS 10

static int fail(struct p2p_err *err, const char *what, const char *path) {
  return p2p_err_set(err, P2P_ERR_SYSTEM, "cannot %s folder '%s': %s", what, path, strerror(errno));
}

/* Makes the folder and those above it. A failure shows when the folder is opened. */
static void make_with_parents(const char *path) {
  char above[P2P_KEY_PATH_MAX];
  snprintf(above, sizeof above, "%s", path);
  for (char *slash = strchr(above + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
    *slash = '\0';
    (void)mkdir(above, S_IRWXU);
    *slash = '/';
  }
  (void)mkdir(above, S_IRWXU);
}

/* `fd` with its errno is what open() has returned. */
static int take(int fd, struct p2p_key_folder *folder, struct p2p_err *err) {
  struct stat info;
  folder->fd = fd;
  if (fd < 0 && errno == ENOENT) return P2P_OK;
  if (fd < 0) return fail(err, "open", folder->path);
  int code = fstat(fd, &info) != 0 ? fail(err, "examine", folder->path)
                                   : p2p_privacy_check(&info, "folder", folder->path, err);
  if (code != P2P_OK) p2p_key_folder_close(folder);
  return code;
}

int p2p_key_folder_open(const char *path, bool make, struct p2p_key_folder *out,
                        struct p2p_err *err) {
  out->fd = out->lock = -1;
  int length = snprintf(out->path, sizeof out->path, "%s", path);
  if (length < 1 || (size_t)length >= sizeof out->path)
    return p2p_err_set(err, P2P_ERR_TOO_LARGE,
                       "the path of the folder of keys is empty or too long");
  int fd = open(path, FOLDER);
  if (fd < 0 && errno == ENOENT && make) {
    make_with_parents(path);
    fd = open(path, FOLDER);
    if (fd < 0) return fail(err, "make", path);
  }
  return take(fd, out, err);
}

int p2p_key_folder_enter(struct p2p_key_folder *folder, const char *name, bool make,
                         struct p2p_err *err) {
  size_t used = strlen(folder->path);
  int parent = folder->fd;
  int length = snprintf(folder->path + used, sizeof folder->path - used, "/%s", name);
  if (length < 0 || (size_t)length >= sizeof folder->path - used) {
    p2p_key_folder_close(folder);
    return p2p_err_set(err, P2P_ERR_TOO_LARGE, "the path of the folder of keys is too long");
  }
  if (parent < 0) return P2P_OK;
  if (make) (void)mkdirat(parent, name, S_IRWXU); /* a failure shows below */
  int fd = openat(parent, name, FOLDER | O_NOFOLLOW), why = errno;
  close(parent);
  errno = why;
  folder->fd = -1;
  if (fd < 0 && make) return fail(err, "make", folder->path);
  return take(fd, folder, err);
}

void p2p_key_folder_close(struct p2p_key_folder *folder) {
  if (folder->lock >= 0) {
    /* A child that was forked meanwhile has it, too: closing ours would not end the lock. */
    (void)flock(folder->lock, LOCK_UN);
    close(folder->lock);
  }
  if (folder->fd >= 0) close(folder->fd);
  folder->fd = folder->lock = -1;
}

static int open_lock(struct p2p_key_folder *folder, struct p2p_err *err) {
  folder->lock =
      openat(folder->fd, LOCK, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
  return folder->lock < 0 ? fail(err, "lock", folder->path) : P2P_OK;
}

/* Whether flock() has failed because the file system has no locks. */
static bool has_no_locks(void) { return errno == ENOLCK || errno == ENOSYS || errno == EOPNOTSUPP; }

int p2p_key_folder_lock(struct p2p_key_folder *folder, struct p2p_err *err) {
  int code = open_lock(folder, err);
  while (code == P2P_OK && flock(folder->lock, LOCK_EX) != 0) {
    if (has_no_locks()) break;
    if (errno != EINTR) code = fail(err, "lock", folder->path);
  }
  if (code != P2P_OK) p2p_key_folder_close(folder);
  return code;
}

int p2p_key_folder_lock_within(struct p2p_key_folder *folder, uint32_t timeout_ms,
                               struct p2p_err *err) {
  const struct timespec pause = {.tv_nsec = PAUSE_MS * 1000000};
  int code = open_lock(folder, err);
  for (uint32_t waited_ms = 0; code == P2P_OK && flock(folder->lock, LOCK_EX | LOCK_NB) != 0;
       waited_ms += PAUSE_MS) {
    if (has_no_locks()) break;
    if (errno != EINTR && errno != EWOULDBLOCK)
      code = fail(err, "lock", folder->path);
    else if (waited_ms >= timeout_ms)
      code = p2p_err_set(err, P2P_ERR_TIMEOUT, "another program keeps the folder '%s' locked",
                         folder->path);
    else
      nanosleep(&pause, NULL);
  }
  if (code != P2P_OK) p2p_key_folder_close(folder);
  return code;
}
