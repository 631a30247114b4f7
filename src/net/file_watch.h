/* Watches a file for changes: written, replaced, created or removed, also by way of symbolic links.
 * io thread. */
#ifndef P2P_NET_FILE_WATCH_H
#define P2P_NET_FILE_WATCH_H

#include "net/loop.h"

struct p2p_file_watch;

/* Calls fn after a change, once nothing has changed for 100 ms. A change is one of the file that
 * `path` resolves to, or of a symbolic link on the way, also when the link stands for a directory.
 * That a directory which holds neither the file nor a link was replaced is not noticed.
 *
 * The file need not exist; fn is called when it is created and when it is removed. fn may free its
 * own watch. P2P_ERR_SYSTEM when the operating system cannot watch a directory, P2P_ERR_MEMORY. */
int p2p_file_watch_new(struct p2p_loop *loop, const char *path, void (*fn)(void *arg), void *arg,
                       struct p2p_file_watch **out, struct p2p_err *err) P2P_MUST_USE;
void p2p_file_watch_free(struct p2p_file_watch *watch); /* takes NULL */

#endif
