/* A link between a client and a worker: a wormhole with application id future.p2p/link-v1, whose
 * transit connection stays open and carries frames (protocol/frame.h). The opener (the client)
 * allocates a nameplate and makes the code; the joiner (the worker) is given the code. Or both are
 * given a mailbox and a password; then there is no nameplate, and no code. A link sends
 * PING every 5 s; it ends with P2P_ERR_LOST when nothing was received for 15 s, or when the peer
 * has taken nothing for 60 s of what waits for it. io thread only. */
#ifndef P2P_WORMHOLE_LINK_H
#define P2P_WORMHOLE_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crypto/cipher.h"
#include "net/loop.h"
#include "net/tcp_measure.h"
#include "protocol/accept.h"
#include "protocol/frame.h"

#define P2P_LINK_TIMEOUT_MS 30000
#define P2P_LINK_HEARTBEAT_MS 5000
#define P2P_LINK_SILENCE_MS 15000
#define P2P_LINK_STALL_MS 60000 /* the peer takes none of the bytes that wait for it: lost */
#define P2P_LINK_QUEUE_HIGH (1024 * 1024)
#define P2P_LINK_QUEUE_MAX (8 * 1024 * 1024)

struct p2p_link;

struct p2p_link_config {
  struct p2p_loop *loop;
  const char *mailbox;               /* ws://host:port/v1 */
  const char *relay;                 /* tcp:host:port, or NULL for none */
  const char *code;                  /* joiner: the code; opener: NULL */
  const char *mailbox_id;            /* both ends, without a code: 32 hexadecimal digits */
  const char *password;              /* with mailbox_id, else NULL: 1 to 127 visible characters */
  bool is_opener;                    /* with mailbox_id: our role; else it follows from `code` */
  bool no_listen;                    /* outbound connections only */
  bool no_direct;                    /* through the relay only */
  uint32_t timeout_ms;               /* for the whole set-up; 0: 30 s */
  uint32_t heartbeat_ms, silence_ms; /* 0: 5 s and 15 s */
  uint32_t stall_ms;                 /* 0: 60 s; checked with each heartbeat */
};

struct p2p_link_callbacks {
  /* Opener: the code, for the peer only. Not called, and may be NULL, with mailbox_id. */
  void (*on_code)(void *arg, const char *code);
  void (*on_open)(void *arg, const char *path); /* "direct 192.0.2.7:40001" or "relay host:4001" */
  void (*on_frame)(void *arg, const struct p2p_frame *frame); /* every frame but PING */
  void (*on_drain)(void *arg); /* the queue has room again; may be NULL */
  /* The last event; free the link. P2P_ERR_CLOSED: the peer closed it. */
  void (*on_close)(void *arg, const struct p2p_err *err);
};

/* Copies the configuration. P2P_ERR_INVALID or P2P_ERR_PARSE for bad addresses, a bad code, mailbox
 * or password; P2P_ERR_MEMORY. Later failures are reported by on_close. */
int p2p_link_open(const struct p2p_link_config *config, const struct p2p_link_callbacks *callbacks,
                  void *arg, struct p2p_link **out, struct p2p_err *err) P2P_MUST_USE;

/* Seals and sends one frame. P2P_ERR_CLOSED before on_open and after the end; P2P_ERR_MEMORY,
 * P2P_ERR_CRYPTO;
 * P2P_ERR_TOO_LARGE, also while more than P2P_LINK_QUEUE_MAX bytes wait: then free the link. */
int p2p_link_send(struct p2p_link *link, uint8_t type, uint32_t task, const void *payload,
                  size_t length);
/* From now on, seals records by this cipher, and opens those that the peer seals by it. To be
 * called once, within on_frame for the peer's HELLO and after ours was sent: both ends choose the
 * same cipher from the two. P2P_CIPHER_NONE changes nothing. P2P_ERR_CLOSED; P2P_ERR_INVALID the
 * second time; P2P_ERR_MEMORY and P2P_ERR_CRYPTO: free the link. */
int p2p_link_switch(struct p2p_link *link, enum p2p_cipher_kind kind) P2P_MUST_USE;
/* The other end has proved that it knows the code or password. */
bool p2p_link_is_confirmed(const struct p2p_link *link);
/* From on_open until the link ends: the verifier (wormhole/key.h), 32 bytes that both ends of this
 * link have, and no other link. Borrowed; wiped at the end. */
const uint8_t *p2p_link_verifier(const struct p2p_link *link);
/* Bytes that the kernel has not taken yet. A sender stops above P2P_LINK_QUEUE_HIGH and continues
 * at on_drain. */
size_t p2p_link_queued(const struct p2p_link *link);

/* What is known of its connection. */
void p2p_link_measure(const struct p2p_link *link, struct p2p_tcp_measure *out);

/* Stops and continues to read, for back-pressure; reading is on at first. A link that is not read
 * does not take silence for its end. `for_ms`: then it continues by itself, and notices its end
 * after what came before; 0: it does not, also if it was stopped for a while before, and its end is
 * noticed at once, without what came before. */
void p2p_link_pause(struct p2p_link *link, uint32_t for_ms);
void p2p_link_resume(struct p2p_link *link);

/* Closes and frees the link. What is queued is still sent, for at most 1 s. No events follow. Takes
 * NULL. Safe from within an event. */
void p2p_link_free(struct p2p_link *link);

#endif
