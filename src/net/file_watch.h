/* Tells that a file has changed: written, replaced, made or removed. io thread only. */
#ifndef P2P_NET_FILE_WATCH_H
#define P2P_NET_FILE_WATCH_H

#include "net/loop.h"

struct p2p_file_watch;

/* fn is called once the file has been left alone for a moment after a change; also when it is not
 * there any more. The folder must exist. P2P_ERR_SYSTEM names the path. The callback may free its
 * own watch. */
int p2p_file_watch_new(struct p2p_loop *loop, const char *path, void (*fn)(void *arg), void *arg,
                       struct p2p_file_watch **out, struct p2p_err *err) P2P_MUST_USE;
void p2p_file_watch_free(struct p2p_file_watch *watch); /* takes NULL */

#endif
