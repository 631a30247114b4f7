/* The server end of one mailbox connection, without WebSocket: JSON messages in, JSON messages out.
 * Pure. */
#ifndef P2P_SERVER_MAILBOX_SESSION_H
#define P2P_SERVER_MAILBOX_SESSION_H

#include "server/mailbox_store.h"

struct p2p_mailbox_session;

/* Sends the welcome. `send` is called with each message to the client, also from within functions
 * of other sessions of the same store; it must not call back. With NULL and 0 a message was lost
 * for want of memory: close the connection. `client_address` is copied. NULL when out of memory. */
struct p2p_mailbox_session *p2p_mailbox_session_new(
    struct p2p_mailbox_store *store, const char *client_address,
    void (*send)(void *arg, const char *json, size_t length), void *arg);
/* The connection has ended; its side keeps its nameplate and mailbox. Takes NULL. */
void p2p_mailbox_session_free(struct p2p_mailbox_session *session, uint64_t now_ms);

/* Handles one message of the client. Mistakes are replied to with `error`. */
void p2p_mailbox_session_receive(struct p2p_mailbox_session *session, const char *json,
                                 size_t length, uint64_t now_ms);

#endif
