/* The file of a private host key. */
#include "server/host_key_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "server/limits.h"

static int check_file(const char *path, const struct stat *info, struct p2p_err *err) {
  if (!S_ISREG(info->st_mode))
    return p2p_err_set(err, P2P_ERR_INVALID, "the host key '%s' is not a regular file", path);
  if (info->st_uid != geteuid())
    return p2p_err_because(
        err, "host_key_owner",
        p2p_err_set(err, P2P_ERR_INVALID, "the host key file '%s' belongs to another user", path));
  if ((info->st_mode & 077) != 0)
    return p2p_err_because(
        err, "host_key_exposed",
        p2p_err_set(err, P2P_ERR_INVALID, "other users can read the host key file '%s'", path));
  if (info->st_size > P2P_HOST_KEY_FILE_MAX)
    return p2p_err_set(err, P2P_ERR_INVALID, "the host key file '%s' is too large to be a key",
                       path);
  return P2P_OK;
}

static int read_all(int fd, const char *path, char **text, struct p2p_err *err) {
  char *bytes = calloc(1, P2P_HOST_KEY_FILE_MAX + 1);
  size_t length = 0;
  ssize_t n = 1;
  if (bytes == NULL) return p2p_err_set(err, P2P_ERR_MEMORY, "out of memory");
  while (n != 0 && length < P2P_HOST_KEY_FILE_MAX) {
    n = read(fd, bytes + length, P2P_HOST_KEY_FILE_MAX - length);
    if (n > 0) length += (size_t)n;
    if (n >= 0 || errno == EINTR) continue;
    p2p_err_set(err, P2P_ERR_SYSTEM, "cannot read the host key file '%s': %s", path,
                strerror(errno));
    p2p_wipe(bytes, length);
    free(bytes);
    return P2P_ERR_SYSTEM;
  }
  *text = bytes;
  return P2P_OK;
}

int p2p_host_key_file_read(const char *path, char **text, struct p2p_err *err) {
  struct stat info;
  *text = NULL;
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* opening a FIFO must not block */
  if (fd < 0 && errno == ENOENT) return P2P_OK;
  if (fd < 0)
    return p2p_err_set(err, P2P_ERR_SYSTEM, "cannot open the host key file '%s': %s", path,
                       strerror(errno));
  int code = P2P_OK;
  if (fstat(fd, &info) != 0)
    code = p2p_err_set(err, P2P_ERR_SYSTEM, "cannot examine the host key file '%s': %s", path,
                       strerror(errno));
  if (code == P2P_OK) code = check_file(path, &info, err);
  if (code == P2P_OK) code = read_all(fd, path, text, err);
  close(fd);
  return code;
}

int p2p_host_key_file_write(const char *path, const char *text, struct p2p_err *err) {
  size_t length = strlen(text), at = 0;
  int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0)
    return p2p_err_because(err, "host_key_directory",
                           p2p_err_set(err, P2P_ERR_SYSTEM,
                                       "cannot create the host key file '%s': %s", path,
                                       strerror(errno)));
  int failed = 0;
  while (at < length && !failed) {
    ssize_t n = write(fd, text + at, length - at);
    if (n > 0)
      at += (size_t)n;
    else if (n == 0 || errno != EINTR)
      failed = n == 0 ? EIO : errno;
  }
  if (!failed && fsync(fd) != 0 && errno != EINVAL)
    failed = errno; /* EINVAL: the file system has no fsync */
  if (close(fd) != 0 && !failed) failed = errno;
  if (!failed) return P2P_OK;
  unlink(path);
  return p2p_err_set(err, P2P_ERR_SYSTEM, "cannot write the host key file '%s': %s", path,
                     strerror(failed));
}
