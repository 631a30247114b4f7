/* A file that is received. */
#include "transfer/output_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/encode.h"
#include "crypto/random.h"
#include "transfer/file_name.h"

#define NUMBER_MAX 9999

static int fail(struct p2p_err *err, const char *path, const char *reason) {
  return p2p_err_set(err, P2P_ERR_SYSTEM, "cannot write '%s': %s", path, reason);
}

int p2p_output_file_open(struct p2p_output_file *output, const char *path, bool is_numbered,
                         struct p2p_err *err) {
  uint8_t random[4];
  char hex[P2P_HEX_LEN(sizeof random) + 1];
  struct stat info;

  output->fd = -1;
  output->is_numbered = is_numbered;
  p2p_random_bytes(random, sizeof random);
  p2p_hex_encode(random, sizeof random, hex);
  int length = snprintf(output->part, sizeof output->part, "%s.%s.part", path, hex);
  if (length < 0 || (size_t)length >= sizeof output->part)
    return fail(err, path, "the path is too long");
  snprintf(output->final, sizeof output->final, "%s", path);
  if (!is_numbered && lstat(path, &info) == 0)
    return p2p_err_because(err, "file_exists", fail(err, path, strerror(EEXIST)));
  output->fd = open(output->part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
  return output->fd >= 0 ? P2P_OK : fail(err, path, strerror(errno));
}

int p2p_output_file_write(struct p2p_output_file *output, const void *bytes, size_t length,
                          struct p2p_err *err) {
  const char *rest = bytes;

  while (length > 0) {
    ssize_t n = write(output->fd, rest, length);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail(err, output->final, strerror(errno));
    rest += n;
    length -= (size_t)n;
  }
  return P2P_OK;
}

/* For a file system without hard links: creates an empty file of the name, which fails if there is
 * one, and replaces that. */
static int reserve_and_rename(const char *part, const char *final) {
  int fd = open(final, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);

  if (fd < 0 || (close(fd) == 0 && rename(part, final) == 0)) return fd < 0 ? -1 : 0;
  int reason = errno;
  unlink(final);
  errno = reason;
  return -1;
}

/* Does not replace a file: fails with EEXIST. */
static int rename_new(const char *part, const char *final) {
  if (link(part, final) == 0) return unlink(part);
  return errno == EEXIST ? -1 : reserve_and_rename(part, final);
}

/* Gives the file the first free name of "x.rds", "x (1).rds", "x (2).rds" and so on. */
static int rename_numbered(struct p2p_output_file *output) {
  char path[P2P_OUTPUT_FILE_PATH_MAX];
  const char *name = p2p_file_name_last_part(output->final);
  size_t stem = (size_t)(name - output->final) + p2p_file_name_stem(name);

  if (rename_new(output->part, output->final) == 0) return 0;
  for (int number = 1; errno == EEXIST && number <= NUMBER_MAX; number++) {
    int length = snprintf(path, sizeof path, "%.*s (%d)%s", (int)stem, output->final, number,
                          output->final + stem);
    if (length < 0 || (size_t)length >= sizeof path) {
      errno = ENAMETOOLONG;
    } else if (rename_new(output->part, path) == 0) {
      memcpy(output->final, path, (size_t)length + 1);
      return 0;
    }
  }
  return -1;
}

int p2p_output_file_commit(struct p2p_output_file *output, struct p2p_err *err) {
  int fd = output->fd;

  output->fd = -1;
  if (close(fd) == 0 && (output->is_numbered ? rename_numbered(output)
                                             : rename_new(output->part, output->final)) == 0)
    return P2P_OK;
  int reason = errno;
  unlink(output->part);
  return fail(err, output->final, strerror(reason));
}

void p2p_output_file_drop(struct p2p_output_file *output) {
  if (output->fd < 0) return;
  close(output->fd);
  unlink(output->part);
  output->fd = -1;
}
