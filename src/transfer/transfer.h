/* One file transfer, as wormhole-william and magic-wormhole do it: a file, bytes or a text through
 * a wormhole, end to end encrypted. Lives on the io thread; everything here may be called from any
 * other thread. */
#ifndef P2P_TRANSFER_TRANSFER_H
#define P2P_TRANSFER_TRANSFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/loop.h"
#include "transfer/offer.h"
#include "wormhole/wormhole.h"

#define P2P_TRANSFER_STALL_MS 60000
#define P2P_TRANSFER_WAY_MAX 288

struct p2p_transfer;

struct p2p_transfer_config {
  struct p2p_loop *loop;
  const char *mailbox; /* ws://host:port/v1 */
  const char *relay;   /* tcp:host:port, or NULL for none */
  const char *code;    /* sender: NULL to have one made up */
  bool no_listen;      /* outbound connections only */
  bool no_direct;      /* through the relay only */
  bool must_confirm;   /* nothing is said before p2p_transfer_confirm */
  uint32_t timeout_ms; /* until the transfer itself begins */
  uint32_t stall_ms;   /* next to nothing in such a time, then, is the end; 0: 60 s */
  /* What is sent: one of them; none: receives. */
  const char *file;  /* the path of it */
  const void *bytes; /* borrowed until p2p_transfer_free; sent as a file called `name` */
  size_t length;
  const char *name;
  const char *text; /* UTF-8 */
  /* Where a received file goes: a name that does not exist yet. */
  const char *path;
};

enum p2p_transfer_state {
  P2P_TRANSFER_MAILBOX,    /* the mailbox is being reached */
  P2P_TRANSFER_WAITING,    /* for the peer */
  P2P_TRANSFER_CONFIRMING, /* for p2p_transfer_confirm */
  P2P_TRANSFER_CONNECTING, /* offer, answer, and a connection */
  P2P_TRANSFER_MOVING,     /* bytes move */
  P2P_TRANSFER_DONE,
  P2P_TRANSFER_FAILED /* see the error */
};

struct p2p_transfer_status {
  enum p2p_transfer_state state;
  char code[P2P_CODE_MAX];            /* "" until it is known */
  char verifier[P2P_KEY_HEX_LEN + 1]; /* from CONFIRMING on */
  char way[P2P_TRANSFER_WAY_MAX]; /* "direct 192.0.2.7:40001", "relay host:4001"; from MOVING on */
  char name[P2P_OFFER_NAME_MAX]; /* what the sender calls the file, fit to be shown; never a path */
  bool is_text;
  uint64_t size_bytes, moved_bytes;
  struct p2p_err err;
};

/* Begins. Failures later than bad arguments (and a file that cannot be read) arrive as FAILED. */
int p2p_transfer_new(const struct p2p_transfer_config *config, struct p2p_transfer **out,
                     struct p2p_err *err) P2P_MUST_USE;
/* Ends it wherever it is, tells the peer, removes what is not whole, frees. Waits for the io thread
 * and the disk. Takes NULL. */
void p2p_transfer_free(struct p2p_transfer *transfer);

/* Ends it likewise, but frees nothing: it becomes FAILED, or has been DONE already. */
void p2p_transfer_cancel(struct p2p_transfer *transfer);

void p2p_transfer_status(struct p2p_transfer *transfer, struct p2p_transfer_status *out);
/* Every change of the status counts one generation up. Waits until it is no longer `seen` or
 * timeout_ms have passed; returns the current one. 0 is never current. */
uint64_t p2p_transfer_wait(struct p2p_transfer *transfer, uint64_t seen, int timeout_ms);
/* Readable when it has changed since p2p_transfer_wait; to be polled only. */
int p2p_transfer_fd(const struct p2p_transfer *transfer);
/* In CONFIRMING: whether both sides show the same verifier. If not, the transfer fails. */
void p2p_transfer_confirm(struct p2p_transfer *transfer, bool is_same);
/* A received text, of *length bytes and a NUL, owned by the transfer; NULL unless DONE. */
const char *p2p_transfer_text(struct p2p_transfer *transfer, size_t *length);

#endif
