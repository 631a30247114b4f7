/* A users file that is read again whenever it changes. io thread. */
#ifndef P2P_SERVER_ACCOUNTS_FILE_H
#define P2P_SERVER_ACCOUNTS_FILE_H

#include "net/loop.h"
#include "server/accounts.h"

struct p2p_accounts_file;

/* Neither is called after p2p_accounts_file_free, and neither may call it. */
struct p2p_accounts_file_callbacks {
  void (*on_read)(void *arg, struct p2p_accounts *accounts); /* owned by the callee */
  void (*on_error)(void *arg, const struct p2p_err *err);    /* cannot be read, or does not parse */
};

/* Watches the file (net/file_watch.h), and reads it at first, since it may have changed before it
 * was watched, and after each change. It is read on another thread, since its file system may be
 * slow. Errors of p2p_file_watch_new. */
int p2p_accounts_file_new(struct p2p_loop *loop, const char *path,
                          const struct p2p_accounts_file_callbacks *callbacks, void *arg,
                          struct p2p_accounts_file **out, struct p2p_err *err) P2P_MUST_USE;
void p2p_accounts_file_free(struct p2p_accounts_file *file); /* takes NULL */

#endif
