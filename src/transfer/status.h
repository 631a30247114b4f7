/* The state of a file transfer. */
#ifndef P2P_TRANSFER_STATUS_H
#define P2P_TRANSFER_STATUS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "transfer/offer.h"
#include "transfer/output_file.h"
#include "wormhole/candidate.h"
#include "wormhole/code.h"
#include "wormhole/key.h"

enum p2p_transfer_state {
  P2P_TRANSFER_MAILBOX,    /* connecting to the mailbox server */
  P2P_TRANSFER_WAITING,    /* for the peer */
  P2P_TRANSFER_CONFIRMING, /* for p2p_transfer_confirm */
  P2P_TRANSFER_CONNECTING, /* offer, answer and connection */
  P2P_TRANSFER_MOVING,     /* data is being transferred */
  P2P_TRANSFER_DONE,
  P2P_TRANSFER_FAILED /* see `err` */
};

struct p2p_transfer_status {
  enum p2p_transfer_state state;
  char code[P2P_CODE_MAX];             /* "" until it is known */
  char verifier[P2P_KEY_HEX_LEN + 1];  /* from CONFIRMING on */
  char route[P2P_CANDIDATE_PATH_MAX];  /* "direct 192.0.2.7:40001" or "relay host:4001"; from MOVING
                                          on */
  char name[P2P_OFFER_NAME_MAX];       /* the sender's name for the file; never a path */
  char path[P2P_OUTPUT_FILE_PATH_MAX]; /* of the received file; in DONE */
  bool is_text;
  uint64_t size_bytes, moved_bytes;
  struct p2p_err err;
};

#endif
