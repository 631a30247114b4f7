/* A file on its way in. */
#include "wormhole/arrival.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/encode.h"
#include "crypto/random.h"

static int refuse(struct p2p_err *err, const char *path, const char *why) {
  return p2p_err_set(err, P2P_ERR_SYSTEM, "The file '%s' cannot be written: %s", path, why);
}

int p2p_arrival_open(struct p2p_arrival *arrival, const char *path, struct p2p_err *err) {
  uint8_t random[4];
  char hex[P2P_HEX_LEN(sizeof random) + 1];
  struct stat info;

  arrival->fd = -1;
  p2p_random_bytes(random, sizeof random);
  p2p_hex_encode(random, sizeof random, hex);
  int length = snprintf(arrival->part, sizeof arrival->part, "%s.%s.part", path, hex);
  if (length < 0 || (size_t)length >= sizeof arrival->part)
    return refuse(err, path, "its name is too long");
  snprintf(arrival->final, sizeof arrival->final, "%s", path);
  if (lstat(path, &info) == 0)
    return refuse(err, path, "there is a file of that name already");
  arrival->fd = open(arrival->part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
  return arrival->fd >= 0 ? P2P_OK : refuse(err, path, strerror(errno));
}

int p2p_arrival_write(struct p2p_arrival *arrival, const void *bytes, size_t length, struct p2p_err *err) {
  const char *rest = bytes;

  while (length > 0) {
    ssize_t n = write(arrival->fd, rest, length);
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return refuse(err, arrival->final, strerror(errno));
    rest += n;
    length -= (size_t)n;
  }
  return P2P_OK;
}

/* Not every file system has hard links; there, what came between the look and the renaming is lost. */
static int give_name(const char *part, const char *final) {
  struct stat info;

  if (link(part, final) == 0)
    return unlink(part);
  if (errno == EEXIST || lstat(final, &info) == 0) {
    errno = EEXIST;
    return -1;
  }
  return rename(part, final);
}

int p2p_arrival_commit(struct p2p_arrival *arrival, struct p2p_err *err) {
  int fd = arrival->fd;

  arrival->fd = -1;
  if (close(fd) == 0 && give_name(arrival->part, arrival->final) == 0)
    return P2P_OK;
  int why = errno;
  unlink(arrival->part);
  return refuse(err, arrival->final, strerror(why));
}

void p2p_arrival_drop(struct p2p_arrival *arrival) {
  if (arrival->fd < 0)
    return;
  close(arrival->fd);
  unlink(arrival->part);
  arrival->fd = -1;
}
