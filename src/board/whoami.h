/* Who is this SSH key on the board? Asks `user` once and ends. io thread only. */
#ifndef P2P_BOARD_WHOAMI_H
#define P2P_BOARD_WHOAMI_H

#include <stddef.h>

#include "board/address.h"
#include "board/topic.h"
#include "net/loop.h"

struct p2p_whoami;

/* fn is called once: user (err NULL), or err (user NULL); then free. timeout_ms 0: 30 s. */
int p2p_whoami_request(struct p2p_loop *loop, const char *host, const char *const *ssh_args,
                       size_t n_ssh_args, uint32_t timeout_ms,
                       void (*fn)(void *arg, const char *user, const struct p2p_err *err),
                       void *arg, struct p2p_whoami **out, struct p2p_err *err) P2P_MUST_USE;
/* The same for an address that was parsed; it is copied. */
int p2p_whoami_request_at(struct p2p_loop *loop, const struct p2p_address *address,
                          uint32_t timeout_ms,
                          void (*fn)(void *arg, const char *user, const struct p2p_err *err),
                          void *arg, struct p2p_whoami **out, struct p2p_err *err) P2P_MUST_USE;
void p2p_whoami_free(struct p2p_whoami *whoami); /* takes NULL */

/* The user in what the host `host` answers to `user`. P2P_ERR_AUTH with a sentence when the key has
 * no account. Pure. */
int p2p_whoami_parse(const char *text, size_t length, const char *host,
                     char user[static P2P_USER_MAX], struct p2p_err *err) P2P_MUST_USE;

#endif
