/* The scratch folders of a worker's evaluators: one for each process, with the folders `work`, its
 * working directory, and `tmp`, its TMPDIR. The worker names and removes them and never opens a
 * file in them. They lie in one folder that the worker locks as long as it lives, so that the next
 * worker can remove what one that was killed has left. */
#ifndef P2P_WORKER_SCRATCH_H
#define P2P_WORKER_SCRATCH_H

#include "net/loop.h"

struct p2p_scratch;
struct p2p_scratch_folder;

/* io thread. Makes and locks the folder `path`. P2P_ERR_SYSTEM, P2P_ERR_MEMORY. */
int p2p_scratch_new(struct p2p_loop *loop, const char *path, struct p2p_scratch **out,
                    struct p2p_err *err) P2P_MUST_USE;
/* io thread. Unlocks and frees; p2p_file_tree_remove(path) removes the files, also those of folders
 * that were freed shortly before. Takes NULL. */
void p2p_scratch_free(struct p2p_scratch *scratch);

/* io thread. Makes a folder for a process with the environment `env` ("NAME=value",
 * NULL-terminated), whose texts must live as long as p2p_scratch_folder_env() is used. If the
 * folder of all was removed, it is made again. */
int p2p_scratch_folder_new(struct p2p_scratch *scratch, const char *const *env,
                           struct p2p_scratch_folder **out, struct p2p_err *err) P2P_MUST_USE;
/* io thread. Removes the files on another thread, also if the process is still ending. Takes NULL.
 */
void p2p_scratch_folder_free(struct p2p_scratch_folder *folder);
const char *p2p_scratch_folder_work(const struct p2p_scratch_folder *folder);
/* The environment with TMPDIR. */
const char *const *p2p_scratch_folder_env(const struct p2p_scratch_folder *folder);

/* Any thread; may block. Removes what workers of this user that have ended have left: where `path`
 * is PARENT/Rtmp123/NAME, every PARENT/RtmpX/NAME that nobody locks, and RtmpX if it is empty
 * then. */
void p2p_scratch_sweep(const char *path);

#endif
