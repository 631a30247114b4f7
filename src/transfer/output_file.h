/* A file on its way in: written under a name of its own beside its final one, which it gets only
 * when it is whole. Any thread, one at a time. */
#ifndef P2P_TRANSFER_OUTPUT_FILE_H
#define P2P_TRANSFER_OUTPUT_FILE_H

#include <stddef.h>

#include "base/err.h"

#define P2P_OUTPUT_FILE_PATH_MAX 4096

struct p2p_output_file {
  int fd; /* -1: none */
  char part[P2P_OUTPUT_FILE_PATH_MAX], final[P2P_OUTPUT_FILE_PATH_MAX];
};

/* `path`: the final name, which must not exist yet. P2P_ERR_SYSTEM with a sentence. */
int p2p_output_file_open(struct p2p_output_file *output, const char *path,
                         struct p2p_err *err) P2P_MUST_USE;
int p2p_output_file_write(struct p2p_output_file *output, const void *bytes, size_t length,
                          struct p2p_err *err) P2P_MUST_USE;
/* The file gets its final name; what has come to be there meanwhile is not overwritten. */
int p2p_output_file_commit(struct p2p_output_file *output, struct p2p_err *err) P2P_MUST_USE;
/* Removes what was written and not committed. */
void p2p_output_file_drop(struct p2p_output_file *output);

#endif
