/* Private files. A temporary file has a random name: no lock protects it, and where a process dies
 * before it has renamed it, it stays, as private as the file. */
#include "keys/private_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/encode.h"
#include "crypto/random.h"
#include "keys/privacy.h"

#define TEMPORARY ".new-"
#define RANDOM_LEN 8
#define TEMPORARY_MAX (sizeof TEMPORARY + P2P_HEX_LEN(RANDOM_LEN))
#define CHUNK 4096

static int fail(struct p2p_err *err, const char *what, const struct p2p_key_folder *folder,
                const char *name) {
  return p2p_err_set(err, P2P_ERR_SYSTEM, "cannot %s file '%s/%s': %s", what, folder->path, name,
                     strerror(errno));
}

/* ---- reading ---- */

static int check(int fd, const char *path, size_t cap, struct p2p_err *err) {
  struct stat info;
  if (fstat(fd, &info) != 0)
    return p2p_err_set(err, P2P_ERR_SYSTEM, "cannot examine file '%s': %s", path, strerror(errno));
  if (!S_ISREG(info.st_mode))
    return p2p_err_set(err, P2P_ERR_INVALID, "'%s' is not a regular file", path);
  if (info.st_size < 0 || (uintmax_t)info.st_size > cap)
    return p2p_err_set(err, P2P_ERR_TOO_LARGE, "the file '%s' is larger than %zu bytes", path, cap);
  return p2p_privacy_check(&info, "file", path, err);
}

/* The file may grow meanwhile: the buffer's cap holds. */
static int read_all(int fd, const char *path, struct p2p_buf *out, struct p2p_err *err) {
  uint8_t bytes[CHUNK];
  int code = P2P_OK;
  ssize_t n = 1;
  while (code == P2P_OK && n != 0) {
    n = read(fd, bytes, sizeof bytes);
    if (n > 0) code = p2p_buf_put(out, bytes, (size_t)n);
    if (n < 0 && errno != EINTR) code = P2P_ERR_SYSTEM;
  }
  if (code == P2P_ERR_SYSTEM)
    p2p_err_set(err, code, "cannot read file '%s': %s", path, strerror(errno));
  else if (code != P2P_OK)
    p2p_err_set(err, code, "cannot read file '%s': %s", path, p2p_err_name(code));
  p2p_wipe(bytes, sizeof bytes);
  return code;
}

int p2p_private_file_read(const struct p2p_key_folder *folder, const char *name,
                          struct p2p_buf *out, bool *exists, struct p2p_err *err) {
  char path[P2P_KEY_PATH_MAX + 64];
  *exists = false;
  if (folder->fd < 0) return P2P_OK;
  snprintf(path, sizeof path, "%s/%s", folder->path, name);
  /* Without O_NONBLOCK, opening a FIFO would wait for a writer. */
  int fd = openat(folder->fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  if (fd < 0 && errno == ENOENT) return P2P_OK;
  if (fd < 0 && (errno == ELOOP || errno == EMLINK || errno == ENXIO)) /* a link; a socket */
    return p2p_err_set(err, P2P_ERR_INVALID, "'%s' is not a regular file", path);
  if (fd < 0) return fail(err, "open", folder, name);
  int code = check(fd, path, out->cap_bytes, err);
  if (code == P2P_OK) code = read_all(fd, path, out, err);
  close(fd);
  if (code != P2P_OK) p2p_buf_clear(out);
  *exists = code == P2P_OK;
  return code;
}

/* ---- writing ---- */

static bool write_all(int fd, const struct p2p_buf *contents) {
  const uint8_t *bytes = p2p_buf_data(contents);
  size_t left = p2p_buf_len(contents);
  while (left > 0) {
    ssize_t n = write(fd, bytes, left);
    if (n < 0 && errno == EINTR) continue;
    if (n == 0) errno = EIO;
    if (n <= 0) return false;
    bytes += n;
    left -= (size_t)n;
  }
  return fsync(fd) == 0 || errno == EINVAL; /* EINVAL: the file system has no fsync */
}

/* Makes the temporary file. False with errno; then there is none. */
static bool write_temporary(int folder, char name[TEMPORARY_MAX], const struct p2p_buf *contents) {
  uint8_t random[RANDOM_LEN];
  char digits[P2P_HEX_LEN(RANDOM_LEN) + 1];
  p2p_random_bytes(random, sizeof random);
  p2p_hex_encode(random, sizeof random, digits);
  snprintf(name, TEMPORARY_MAX, TEMPORARY "%s", digits);
  int fd = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd < 0) return false;
  bool is_written = write_all(fd, contents);
  int why = errno;
  if (close(fd) != 0 && is_written) {
    is_written = false;
    why = errno;
  }
  if (!is_written) unlinkat(folder, name, 0);
  errno = why;
  return is_written;
}

int p2p_private_file_write(const struct p2p_key_folder *folder, const char *name,
                           const struct p2p_buf *contents, struct p2p_err *err) {
  char temporary[TEMPORARY_MAX];
  if (!write_temporary(folder->fd, temporary, contents)) return fail(err, "write", folder, name);
  if (renameat(folder->fd, temporary, folder->fd, name) != 0) {
    int code = fail(err, "write", folder, name);
    unlinkat(folder->fd, temporary, 0);
    return code;
  }
  (void)fsync(folder->fd); /* the new name; not every file system can */
  return P2P_OK;
}

int p2p_private_file_make(const struct p2p_key_folder *folder, const char *name,
                          const struct p2p_buf *contents, bool *existed, struct p2p_err *err) {
  char temporary[TEMPORARY_MAX];
  if (!write_temporary(folder->fd, temporary, contents)) return fail(err, "write", folder, name);
  bool is_made = linkat(folder->fd, temporary, folder->fd, name, 0) == 0;
  int code = is_made || errno == EEXIST ? P2P_OK : fail(err, "write", folder, name);
  unlinkat(folder->fd, temporary, 0);
  (void)fsync(folder->fd);
  *existed = code == P2P_OK && !is_made;
  return code;
}

int p2p_private_file_remove(const struct p2p_key_folder *folder, const char *name,
                            struct p2p_err *err) {
  if (folder->fd < 0 || unlinkat(folder->fd, name, 0) == 0 || errno == ENOENT) return P2P_OK;
  return fail(err, "remove", folder, name);
}

void p2p_private_file_sweep(const struct p2p_key_folder *folder) {
  int fd = openat(folder->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
  if (dir == NULL && fd >= 0) close(fd);
  for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;)
    if (strncmp(entry->d_name, TEMPORARY, sizeof TEMPORARY - 1) == 0)
      unlinkat(folder->fd, entry->d_name, 0);
  if (dir != NULL) closedir(dir);
}
