/* The requests of a client to a mailbox server, as JSON texts in the order in which they are to be
 * sent. Pure. */
#ifndef P2P_WORMHOLE_MAILBOX_REQUESTS_H
#define P2P_WORMHOLE_MAILBOX_REQUESTS_H

#include <stdbool.h>
#include <stddef.h>

#define P2P_MAILBOX_REQUESTS_MAX 16

struct p2p_mailbox_requests {
  char *texts[P2P_MAILBOX_REQUESTS_MAX]; /* the oldest first */
  size_t count;
  bool has_failed; /* a request was lost: out of memory, or the queue was full */
};

void p2p_mailbox_requests_bind(struct p2p_mailbox_requests *requests, const char *appid,
                               const char *side);
void p2p_mailbox_requests_allocate(struct p2p_mailbox_requests *requests);
void p2p_mailbox_requests_claim(struct p2p_mailbox_requests *requests, const char *nameplate);
void p2p_mailbox_requests_release(struct p2p_mailbox_requests *requests, const char *nameplate);
void p2p_mailbox_requests_open(struct p2p_mailbox_requests *requests, const char *mailbox);
void p2p_mailbox_requests_ping(struct p2p_mailbox_requests *requests);
/* `hex`: the message in hexadecimal. */
void p2p_mailbox_requests_add(struct p2p_mailbox_requests *requests, const char *phase,
                              const char *hex);
void p2p_mailbox_requests_close(struct p2p_mailbox_requests *requests, const char *mailbox,
                                const char *mood);

/* Removes the oldest request, which the caller frees. NULL when there is none. */
char *p2p_mailbox_requests_pop(struct p2p_mailbox_requests *requests);
/* Drops all requests. */
void p2p_mailbox_requests_clear(struct p2p_mailbox_requests *requests);

#endif
