/* What the two sides of a file transfer say to each other: transit, offer, answer and error as
 * messages of the wormhole, and the receiver's last word as a record. JSON texts and no I/O; what a
 * peer sends is capped and checked. */
#ifndef P2P_TRANSFER_OFFER_H
#define P2P_TRANSFER_OFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "crypto/hash.h"
#include "wormhole/hints.h"

#define P2P_OFFER_APPID "lothar.com/wormhole/text-or-file-xfer"
#define P2P_OFFER_NAME_MAX 128 /* bytes of a file name that is shown, with its NUL */
#define P2P_OFFER_TEXT_MAX \
  (32 * 1024) /* of an offered text: what fits into a message of the mailbox when it is escaped */
#define P2P_OFFER_SIZE_MAX (INT64_C(1) << 50) /* bytes of a file */

enum p2p_offer_kind {
  P2P_OFFER_OTHER,   /* of no concern to us */
  P2P_OFFER_TRANSIT, /* where the peer can be reached */
  P2P_OFFER_TEXT,    /* an offered text */
  P2P_OFFER_FILE,    /* an offered file */
  P2P_OFFER_TAKEN,   /* the text was taken */
  P2P_OFFER_WANTED   /* the file is wanted */
};

struct p2p_offer_message {
  enum p2p_offer_kind kind;
  struct p2p_hints hints; /* TRANSIT */
  char *text;             /* TEXT: UTF-8; the caller frees it */
  size_t text_length;
  char name[P2P_OFFER_NAME_MAX]; /* FILE: fit to be shown, and never a path */
  uint64_t size_bytes;           /* FILE */
};

/* One message of the peer. P2P_ERR_PARSE; P2P_ERR_CANCELED with the peer's words for an error;
 * P2P_ERR_INVALID for an offer of what cannot be taken (a directory); P2P_ERR_TOO_LARGE;
 * P2P_ERR_MEMORY. */
int p2p_offer_parse(const char *text, size_t length, struct p2p_offer_message *out,
                    struct p2p_err *err) P2P_MUST_USE;

/* The messages. The caller frees *out. P2P_ERR_MEMORY; of a text that is not UTF-8,
 * P2P_ERR_INVALID. */
int p2p_offer_format_text(const char *text, size_t length, char **out) P2P_MUST_USE;
int p2p_offer_format_file(const char *name, uint64_t size_bytes, char **out) P2P_MUST_USE;
int p2p_offer_format_answer(bool is_text, char **out) P2P_MUST_USE;
/* What the peer is told of our failure (P2P_ERR_*): nothing of this machine. */
int p2p_offer_format_error(int code, char **out) P2P_MUST_USE;

/* The receiver's record after the last byte. */
#define P2P_OFFER_RECEIPT_MAX 128
void p2p_offer_format_receipt(const uint8_t hash[P2P_SHA256_LEN], char out[P2P_OFFER_RECEIPT_MAX]);
/* Does the receipt say that the receiver has what has this hash? P2P_ERR_PARSE, P2P_ERR_CRYPTO for
 * another hash. */
int p2p_offer_check_receipt(const uint8_t *text, size_t length, const uint8_t hash[P2P_SHA256_LEN],
                            struct p2p_err *err) P2P_MUST_USE;

/* The last part of a path, fit to be shown: no directory, no control characters, nothing that is
 * not UTF-8 ('?' instead). "file" if nothing is left. */
void p2p_offer_clean_name(const char *path, char out[P2P_OFFER_NAME_MAX]);

#endif
