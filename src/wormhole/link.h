/* A link: a Magic Wormhole with application id future.p2p/link-v1 whose transit connection stays
 * open and carries frames (protocol/frame.h). The opener (a client) allocates the nameplate and
 * makes up the code; the joiner (a worker) is told the code. The link sends PING every 5 s by
 * itself; 15 s of silence end it with P2P_ERR_LOST. io thread only. */
#ifndef P2P_WORMHOLE_LINK_H
#define P2P_WORMHOLE_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/loop.h"
#include "protocol/accept.h"
#include "protocol/frame.h"

#define P2P_LINK_APPID "future.p2p/link-v1"
#define P2P_LINK_TIMEOUT_MS 30000
#define P2P_LINK_HEARTBEAT_MS 5000
#define P2P_LINK_SILENCE_MS 15000

struct p2p_link;

struct p2p_link_config {
  struct p2p_loop *loop;
  const char *mailbox;               /* ws://host:port/v1 */
  const char *relay;                 /* tcp:host:port, or NULL for none */
  const char *code;                  /* joiner: the code; opener: NULL */
  bool no_listen;                    /* outbound connections only */
  bool no_direct;                    /* through the relay only (tests, privacy) */
  uint32_t timeout_ms;               /* for the whole set-up; 0: 30 s */
  uint32_t heartbeat_ms, silence_ms; /* 0: as above; tests are less patient */
};

struct p2p_link_callbacks {
  void (*on_code)(void *arg, const char *code); /* opener only: tell it to the peer, secretly */
  void (*on_open)(void *arg, const char *path); /* "direct 192.0.2.7:40001" or "relay host:4001" */
  void (*on_frame)(void *arg, const struct p2p_frame *frame); /* all but PING */
  void (*on_drain)(void *arg); /* may be NULL: there is room for more */
  void (*on_close)(
      void *arg,
      const struct p2p_err *err); /* the last event; then free. P2P_ERR_CLOSED: by the peer */
};

/* Copies the configuration. Failures later than bad arguments arrive as on_close. */
int p2p_link_open(const struct p2p_link_config *config, const struct p2p_link_callbacks *callbacks,
                  void *arg, struct p2p_link **out, struct p2p_err *err) P2P_MUST_USE;

/* Seals and sends one frame. P2P_ERR_CLOSED before on_open and after the end. */
int p2p_link_send(struct p2p_link *link, uint8_t type, uint32_t task, const void *payload,
                  size_t length);
/* Bytes not yet taken by the kernel. Stop feeding above P2P_LINK_QUEUE_HIGH, go on at on_drain. */
size_t p2p_link_queued(const struct p2p_link *link);
#define P2P_LINK_QUEUE_HIGH (1024 * 1024)

/* Closes (what is queued still goes out, for at most 1 s) and frees. No events after. Takes NULL.
 * Safe from within an event of this link. */
void p2p_link_free(struct p2p_link *link);

#endif
