/* The file of a transfer on this machine: one that is sent, or one that is received. It is created,
 * closed and removed on another thread, since a slow disk must not hold up the io thread. io thread
 * only. */
#ifndef P2P_TRANSFER_LOCAL_FILE_H
#define P2P_TRANSFER_LOCAL_FILE_H

#include <stdbool.h>

#include "net/loop.h"
#include "transfer/input_file.h"
#include "transfer/output_file.h"

struct p2p_local_file {
  struct p2p_loop *loop;
  struct p2p_input_file input;
  struct p2p_output_file output;
  char path[P2P_OUTPUT_FILE_PATH_MAX]; /* of the output file, or its directory */
  bool is_directory;                   /* the sender names the file in it */
  struct p2p_job *job;                 /* creates or closes; NULL: none runs */
  bool is_closing;                     /* p2p_local_file_close was called */
  void (*on_created)(void *arg, const struct p2p_err *err);
  void (*on_closed)(void *arg);
  void *arg;
  struct p2p_err err; /* of the job; code P2P_OK if it succeeded */
};

/* `input` (NULL: none) is taken over. `path` (NULL: none) is where to create the output file: the
 * new file itself, or its directory. */
void p2p_local_file_init(struct p2p_local_file *file, struct p2p_loop *loop,
                         const struct p2p_input_file *input, const char *path, bool is_directory);
/* Creates the output file, in a directory under the sender's `name` for it, then calls
 * on_created(arg, err), with NULL for success. P2P_ERR_MEMORY, P2P_ERR_TOO_LARGE, P2P_ERR_INVALID
 * ("file_offered": there is no path): on_created is not called. */
int p2p_local_file_create(struct p2p_local_file *file, const char *name,
                          void (*on_created)(void *arg, const struct p2p_err *err), void *arg,
                          struct p2p_err *err) P2P_MUST_USE;
/* Closes both files and removes an output file that was not committed, then calls on_closed(arg),
 * maybe from within. An on_created that has not been called yet is never called. */
void p2p_local_file_close(struct p2p_local_file *file, void (*on_closed)(void *arg), void *arg);

#endif
