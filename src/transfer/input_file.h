/* What is sent: an open file, or bytes in memory. Its size is announced to the peer before it is
 * read. Any thread, one at a time. */
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

/* Opens a regular file. P2P_ERR_SYSTEM. */
int p2p_input_file_open(struct p2p_input_file *input, const char *path,
                        struct p2p_err *err) P2P_MUST_USE;
/* Borrows the bytes until the input is closed. */
void p2p_input_file_borrow(struct p2p_input_file *input, const void *bytes, size_t length);
void p2p_input_file_close(struct p2p_input_file *input);
/* Reads exactly the next `length` bytes. P2P_ERR_SYSTEM, also if the file was truncated meanwhile.
 */
int p2p_input_file_read(struct p2p_input_file *input, uint8_t *out, size_t length,
                        struct p2p_err *err) P2P_MUST_USE;

#endif
