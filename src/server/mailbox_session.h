/* One connection to a mailbox server, without the WebSocket around it: JSON messages in, JSON
 * messages out (protocol/wormhole.md, "Mailbox"). Pure. */
#ifndef P2P_SERVER_MAILBOX_SESSION_H
#define P2P_SERVER_MAILBOX_SESSION_H

#include "server/mailbox_store.h"

struct p2p_mailbox_session;

/* Says welcome. `origin` (server/client_address.h) is copied. `send` is called with each message
 * that goes out, at times from within a function of another guest of the same store; it must not
 * call back. NULL when out of memory. */
struct p2p_mailbox_session *p2p_mailbox_session_new(
    struct p2p_mailbox_store *store, const char *client_address,
    void (*send)(void *arg, const char *json, size_t length), void *arg);
/* The connection has ended; what its side holds stays. Takes NULL. */
void p2p_mailbox_session_free(struct p2p_mailbox_session *session, uint64_t now_ms);

/* One message of the client. What is wrong is answered with `error`. */
void p2p_mailbox_session_receive(struct p2p_mailbox_session *session, const char *json,
                                 size_t length, uint64_t now_ms);

#endif
