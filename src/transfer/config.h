/* What a file transfer is to do. Pure. */
#ifndef P2P_TRANSFER_CONFIG_H
#define P2P_TRANSFER_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "net/loop.h"
#include "wormhole/transit.h"
#include "wormhole/wormhole.h"

#define P2P_TRANSFER_STALL_MS 60000

struct p2p_transfer_config {
  struct p2p_loop *loop;
  const char *mailbox; /* ws://host:port/v1 */
  const char *relay;   /* tcp:host:port, or NULL for none */
  const char *code;    /* NULL: the sender makes one */
  bool no_listen;      /* outbound connections only */
  bool no_direct;      /* through the relay only */
  bool must_confirm;   /* wait for p2p_transfer_confirm before anything is sent */
  uint32_t timeout_ms; /* until data is transferred */
  uint32_t stall_ms;   /* fail when almost no data was transferred for so long; 0: 60 s */
  /* What to send, one of `file`, `bytes` and `text`. If all are NULL, we receive. */
  const char *file;  /* a path */
  const void *bytes; /* borrowed until p2p_transfer_free; sent as a file named `name` */
  size_t length;
  const char *name;
  const char *text;       /* UTF-8 */
  const char *path;       /* where to write a received file: a new file, or its directory. NULL: a
                             receiver takes a text only ("file_offered") */
  bool path_is_directory; /* the file gets the sender's name for it, maybe with a number */
};

bool p2p_transfer_config_is_sender(const struct p2p_transfer_config *config);
/* Checks what can be checked before the peer is involved. P2P_ERR_INVALID; P2P_ERR_TOO_LARGE for a
 * text; P2P_ERR_PARSE for the relay. */
int p2p_transfer_config_check(const struct p2p_transfer_config *config,
                              struct p2p_err *err) P2P_MUST_USE;
/* The configurations of the wormhole and of transit. The latter lacks the key; it borrows `relay`,
 * which receives the parsed address. */
struct p2p_wormhole_config p2p_transfer_config_wormhole(const struct p2p_transfer_config *config);
struct p2p_transit_config p2p_transfer_config_transit(const struct p2p_transfer_config *config,
                                                      struct p2p_hint *relay);

#endif
