/* What is sent: an open file or bytes in memory, of a size that was told to the other side before.
 * Any thread, one at a time. */
#ifndef P2P_TRANSFER_INPUT_FILE_H
#define P2P_TRANSFER_INPUT_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct p2p_input_file {
  int fd;                /* -1: in memory */
  const uint8_t *memory; /* borrowed */
  uint64_t size_bytes, at;
};

/* P2P_ERR_SYSTEM with a sentence; also for what is no regular file. */
int p2p_input_file_open(struct p2p_input_file *input, const char *path,
                        struct p2p_err *err) P2P_MUST_USE;
void p2p_input_file_borrow(struct p2p_input_file *input, const void *bytes, size_t length);
void p2p_input_file_close(struct p2p_input_file *input);
/* Exactly the next `length` bytes, of those that are left. P2P_ERR_SYSTEM, also when the file has
 * become shorter. */
int p2p_input_file_read(struct p2p_input_file *input, uint8_t *out, size_t length,
                        struct p2p_err *err) P2P_MUST_USE;

#endif
