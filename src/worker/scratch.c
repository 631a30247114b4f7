/* Scratch folders. The lock is flock() on the folder itself: it ends with the process, whatever its
 * number and container, and systemd-tmpfiles keeps folders that are locked. */
#include "worker/scratch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "net/job.h"
#include "worker/file_tree.h"

#define LOCK_ATTEMPTS 100 /* one per millisecond, while another worker sweeps */
#define FOLDER (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
#define TMPDIR "TMPDIR="
#define OLD "old" /* where folders wait for their removal */

struct p2p_scratch {
  struct p2p_loop *loop;
  char *path;
  int lock;            /* -1: none */
  unsigned next;       /* number of the next folder */
  struct p2p_job *job; /* empties `old`; NULL: does not run */
  bool again;          /* when the job has ended */
};

struct p2p_scratch_folder {
  struct p2p_scratch *scratch;
  char *path, *work;
  char *tmpdir;     /* "TMPDIR=..." */
  const char **env; /* its own array of texts of the caller, and tmpdir */
};

/* NULL: out of memory. */
static char *join(const char *folder, const char *name) {
  size_t size = strlen(folder) + strlen(name) + 2;
  char *path = malloc(size);
  if (path != NULL) snprintf(path, size, "%s/%s", folder, name);
  return path;
}

/* ---- the lock ---- */

static bool is_at(int fd, const char *path) {
  struct stat opened, named;
  return fstat(fd, &opened) == 0 && lstat(path, &named) == 0 && opened.st_dev == named.st_dev &&
         opened.st_ino == named.st_ino;
}

/* Returns a descriptor, or -1 with errno. Another worker may sweep the folder before it is locked;
 * then it is made again. Where the file system has no locks, nobody can sweep. */
static int make_locked(const char *path) {
  for (int i = 0; i < LOCK_ATTEMPTS; i++) {
    if (i > 0) poll(NULL, 0, 1);
    if (p2p_file_tree_make(path) != P2P_OK) return -1;
    int fd = open(path, FOLDER);
    if (fd < 0 && errno != ENOENT) return -1;
    if (fd < 0) continue;
    bool is_taken = flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    if (!is_taken && is_at(fd, path)) return fd;
    close(fd);
  }
  errno = EAGAIN;
  return -1;
}

static int lock_root(struct p2p_scratch *scratch, struct p2p_err *err) {
  if (scratch->lock >= 0) close(scratch->lock);
  scratch->lock = make_locked(scratch->path);
  if (scratch->lock >= 0) return P2P_OK;
  return p2p_err_set(err, P2P_ERR_SYSTEM, "cannot make folder '%s': %s", scratch->path,
                     strerror(errno));
}

int p2p_scratch_new(struct p2p_loop *loop, const char *path, struct p2p_scratch **out,
                    struct p2p_err *err) {
  struct p2p_scratch *scratch = calloc(1, sizeof *scratch);
  if (scratch == NULL) return p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
  scratch->loop = loop;
  scratch->lock = -1;
  scratch->path = strdup(path);
  int code = scratch->path == NULL ? p2p_err_set(err, P2P_ERR_MEMORY, "out of memory")
                                   : lock_root(scratch, err);
  if (code == P2P_OK)
    *out = scratch;
  else
    p2p_scratch_free(scratch);
  return code;
}

void p2p_scratch_free(struct p2p_scratch *scratch) {
  if (scratch == NULL) return;
  p2p_job_cancel(scratch->job);
  if (scratch->lock >= 0) close(scratch->lock);
  free(scratch->path);
  free(scratch);
}

/* ---- the folder of a process ---- */

/* An array of the texts of `env`, with `tmpdir` in place of its TMPDIR. NULL: out of memory. */
static const char **with_tmpdir(const char *const *env, const char *tmpdir) {
  size_t count = 0, at = 0;
  while (env[count] != NULL) count++;
  const char **out = calloc(count + 2, sizeof *out);
  if (out == NULL) return NULL;
  memcpy(out, env, count * sizeof *out);
  while (at < count && strncmp(env[at], TMPDIR, strlen(TMPDIR)) != 0) at++;
  out[at] = tmpdir;
  return out;
}

static int name_folder(struct p2p_scratch_folder *folder, const char *const *env) {
  char number[16];
  snprintf(number, sizeof number, "%u", ++folder->scratch->next);
  folder->path = join(folder->scratch->path, number);
  if (folder->path == NULL) return P2P_ERR_MEMORY;
  size_t size = strlen(TMPDIR) + strlen(folder->path) + sizeof "/tmp";
  folder->work = join(folder->path, "work");
  folder->tmpdir = malloc(size);
  folder->env = folder->tmpdir == NULL ? NULL : with_tmpdir(env, folder->tmpdir);
  if (folder->work == NULL || folder->env == NULL) return P2P_ERR_MEMORY;
  snprintf(folder->tmpdir, size, TMPDIR "%s/tmp", folder->path);
  return p2p_file_tree_make(folder->tmpdir + strlen(TMPDIR)) == P2P_OK &&
                 p2p_file_tree_make(folder->work) == P2P_OK
             ? P2P_OK
             : P2P_ERR_SYSTEM;
}

static void free_memory(struct p2p_scratch_folder *folder) {
  free(folder->env);
  free(folder->tmpdir);
  free(folder->work);
  free(folder->path);
  free(folder);
}

int p2p_scratch_folder_new(struct p2p_scratch *scratch, const char *const *env,
                           struct p2p_scratch_folder **out, struct p2p_err *err) {
  int code = is_at(scratch->lock, scratch->path) ? P2P_OK : lock_root(scratch, err);
  if (code != P2P_OK) return code;
  struct p2p_scratch_folder *folder = calloc(1, sizeof *folder);
  if (folder == NULL) return p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
  folder->scratch = scratch;
  code = name_folder(folder, env);
  if (code == P2P_OK) {
    *out = folder;
    return P2P_OK;
  }
  if (code == P2P_ERR_MEMORY)
    p2p_err_set(err, code, "out of memory");
  else
    p2p_err_set(err, code, "cannot make folder '%s': %s", folder->work, strerror(errno));
  free_memory(folder);
  return code;
}

const char *p2p_scratch_folder_work(const struct p2p_scratch_folder *folder) {
  return folder->work;
}

const char *const *p2p_scratch_folder_env(const struct p2p_scratch_folder *folder) {
  return folder->env;
}

/* ---- the removal ---- */

/* On another thread. What cannot be removed now is removed at the end. */
static void empty_old(void *path) { (void)!p2p_file_tree_renew(path); }

static void start_removal(struct p2p_scratch *scratch);

static void on_removed(void *arg, void *path) {
  struct p2p_scratch *scratch = arg;
  free(path);
  scratch->job = NULL;
  if (scratch->again) start_removal(scratch);
}

static void start_removal(struct p2p_scratch *scratch) {
  char *old = join(scratch->path, OLD);
  scratch->again = false;
  if (old == NULL) return;
  const struct p2p_job_config config = {.may_block = true,
                                        .work = empty_old,
                                        .done = on_removed,
                                        .release = free,
                                        .data = old,
                                        .arg = scratch};
  if (p2p_job_start(scratch->loop, &config, &scratch->job) != P2P_OK) free(old);
}

void p2p_scratch_folder_free(struct p2p_scratch_folder *folder) {
  if (folder == NULL) return;
  struct p2p_scratch *scratch = folder->scratch;
  char *old = join(scratch->path, OLD), *to = NULL;
  if (old != NULL && p2p_file_tree_make(old) == P2P_OK)
    to = join(old, strrchr(folder->path, '/') + 1);
  if (to != NULL && rename(folder->path, to) == 0) {
    scratch->again = true;
    if (scratch->job == NULL) start_removal(scratch);
  }
  free(to);
  free(old);
  free_memory(folder);
}

/* ---- what other workers have left ---- */

static bool is_ours(int fd) {
  struct stat status;
  return fstat(fd, &status) == 0 && status.st_uid == geteuid();
}

/* Removes PARENT/SESSION/NAME if nobody locks it, and true then. */
static bool sweep_session(const char *parent, const char *session, const char *name) {
  char *above = join(parent, session), *path = above == NULL ? NULL : join(above, name);
  int outer = path == NULL ? -1 : open(above, FOLDER);
  int fd = outer < 0 || !is_ours(outer) ? -1 : openat(outer, name, FOLDER);
  bool swept = fd >= 0 && is_ours(fd) && flock(fd, LOCK_EX | LOCK_NB) == 0 &&
               p2p_file_tree_remove(path) == P2P_OK;
  if (fd >= 0) close(fd);
  if (outer >= 0) close(outer);
  free(path);
  free(above);
  return swept;
}

void p2p_scratch_sweep(const char *path) {
  char *parent = strdup(path), *name = parent == NULL ? NULL : strrchr(parent, '/');
  if (name != NULL) *name++ = '\0';
  char *session = name == NULL ? NULL : strrchr(parent, '/');
  if (session != NULL) *session++ = '\0';
  DIR *entries = session == NULL ? NULL : opendir(parent);
  struct dirent *entry;
  while (entries != NULL && (entry = readdir(entries)) != NULL)
    if (strncmp(entry->d_name, "Rtmp", 4) == 0 && sweep_session(parent, entry->d_name, name) &&
        strcmp(entry->d_name, session) != 0)
      (void)!unlinkat(dirfd(entries), entry->d_name, AT_REMOVEDIR); /* if it is empty */
  if (entries != NULL) closedir(entries);
  free(parent);
}
