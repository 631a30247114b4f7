/* A file that is received. It is written under a temporary name next to its final one, and renamed
 * when it is complete. No file is ever replaced. Any thread, one at a time. */
#ifndef P2P_TRANSFER_OUTPUT_FILE_H
#define P2P_TRANSFER_OUTPUT_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

#define P2P_OUTPUT_FILE_PATH_MAX 4096

struct p2p_output_file {
  int fd;           /* -1: none */
  bool is_numbered; /* if a file of the final name exists, "x.rds" becomes "x (1).rds" */
  char part[P2P_OUTPUT_FILE_PATH_MAX], final[P2P_OUTPUT_FILE_PATH_MAX];
};

/* Creates the file. `path` is its final name, which must not exist unless `is_numbered`.
 * P2P_ERR_SYSTEM. */
int p2p_output_file_open(struct p2p_output_file *output, const char *path, bool is_numbered,
                         struct p2p_err *err) P2P_MUST_USE;
/* P2P_ERR_SYSTEM. */
int p2p_output_file_write(struct p2p_output_file *output, const void *bytes, size_t length,
                          struct p2p_err *err) P2P_MUST_USE;
/* Closes the file and gives it its final name, `final`, which may have got a number. Removes it if
 * that fails, or if a file of that name exists by now. P2P_ERR_SYSTEM. */
int p2p_output_file_commit(struct p2p_output_file *output, struct p2p_err *err) P2P_MUST_USE;
/* Closes and removes the file unless it was committed. */
void p2p_output_file_drop(struct p2p_output_file *output);

#endif
