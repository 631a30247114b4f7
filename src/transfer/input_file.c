/* What is sent. */
#include "transfer/input_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* O_NONBLOCK: opening a named pipe must not block. */
int p2p_input_file_open(struct p2p_input_file *input, const char *path, struct p2p_err *err) {
  struct stat info;
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

  if (fd < 0 || fstat(fd, &info) != 0) {
    p2p_err_set(err, P2P_ERR_SYSTEM, "cannot read '%s': %s", path, strerror(errno));
  } else if (S_ISDIR(info.st_mode)) {
    p2p_err_because(err, "is_directory",
                    p2p_err_set(err, P2P_ERR_SYSTEM, "'%s' is a directory", path));
  } else if (!S_ISREG(info.st_mode)) {
    p2p_err_set(err, P2P_ERR_SYSTEM, "'%s' is not a regular file", path);
  } else {
    *input = (struct p2p_input_file){.fd = fd, .size_bytes = (uint64_t)info.st_size};
    return P2P_OK;
  }
  if (fd >= 0) close(fd);
  return P2P_ERR_SYSTEM;
}

void p2p_input_file_borrow(struct p2p_input_file *input, const void *bytes, size_t length) {
  *input = (struct p2p_input_file){.fd = -1, .memory = bytes, .size_bytes = length};
}

void p2p_input_file_close(struct p2p_input_file *input) {
  if (input->fd >= 0) close(input->fd);
  *input = (struct p2p_input_file){.fd = -1};
}

int p2p_input_file_read(struct p2p_input_file *input, uint8_t *out, size_t length,
                        struct p2p_err *err) {
  if (input->fd < 0) {
    if (length > 0) memcpy(out, input->memory + input->at, length);
    input->at += length;
    return P2P_OK;
  }
  while (length > 0) {
    ssize_t n = read(input->fd, out, length);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return p2p_err_set(err, P2P_ERR_SYSTEM, "cannot read the file: %s", strerror(errno));
    if (n == 0) return p2p_err_set(err, P2P_ERR_SYSTEM, "the file was truncated while it was sent");
    out += n;
    length -= (size_t)n;
    input->at += (uint64_t)n;
  }
  return P2P_OK;
}
