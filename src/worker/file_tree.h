/* Makes and removes folders. When it removes what others have made, no symbolic link is followed,
 * no file is opened, folders without permissions are removed too, and neither depth nor size needs
 * memory or descriptors. Any thread; may block. */
#ifndef P2P_WORKER_FILE_TREE_H
#define P2P_WORKER_FILE_TREE_H

#include "base/err.h"

#define P2P_FILE_TREE_MS 30000 /* after this time the functions give up */

/* Makes the folder, and those above it, with mode 0700 if they do not exist. P2P_ERR_SYSTEM with
 * errno. */
int p2p_file_tree_make(const char *path) P2P_MUST_USE;
/* Makes `path` an empty folder: removes what is in it, or what has its name. P2P_ERR_SYSTEM:
 * something is left, or the folder cannot be made. */
int p2p_file_tree_renew(const char *path) P2P_MUST_USE;
/* Removes the folder, or the file or link of this name, as far as possible. P2P_OK also if there is
 * none; P2P_ERR_SYSTEM: something is left. */
int p2p_file_tree_remove(const char *path) P2P_MUST_USE;

#endif
