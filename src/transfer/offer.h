/* The messages of a file transfer: transit, offer, answer and error, in JSON. What a peer sends is
 * limited and checked. Pure. */
#ifndef P2P_TRANSFER_OFFER_H
#define P2P_TRANSFER_OFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "wormhole/hints.h"

#define P2P_OFFER_APPID "lothar.com/wormhole/text-or-file-xfer"
#define P2P_OFFER_NAME_MAX 256 /* bytes of a file name, with the NUL */
/* Bytes of a text: what fits into a message of the mailbox even if all of it is escaped. */
#define P2P_OFFER_TEXT_MAX (32 * 1024)
#define P2P_OFFER_SIZE_MAX (INT64_C(1) << 50) /* bytes of a file */

enum p2p_offer_kind {
  P2P_OFFER_UNKNOWN,       /* ignore it */
  P2P_OFFER_TRANSIT,       /* the peer's hints */
  P2P_OFFER_TEXT,          /* offers a text, and contains it */
  P2P_OFFER_FILE,          /* offers a file */
  P2P_OFFER_TEXT_ACCEPTED, /* confirms that the text was received */
  P2P_OFFER_FILE_ACCEPTED  /* asks for the file */
};

struct p2p_offer_message {
  enum p2p_offer_kind kind;
  struct p2p_hints hints; /* TRANSIT */
  char *text;             /* TEXT: UTF-8; the caller frees it */
  size_t text_length;
  char name[P2P_OFFER_NAME_MAX]; /* FILE: sanitized, and never a path */
  uint64_t size_bytes;           /* FILE */
};

/* Parses a message of the peer. P2P_ERR_PARSE; P2P_ERR_CANCELED for an error of the peer, with its
 * text; P2P_ERR_INVALID for an offer of a directory, which is not supported; P2P_ERR_TOO_LARGE;
 * P2P_ERR_MEMORY. */
int p2p_offer_parse(const char *text, size_t length, struct p2p_offer_message *out,
                    struct p2p_err *err) P2P_MUST_USE;

/* Format the messages. The caller frees *out. P2P_ERR_MEMORY; P2P_ERR_INVALID for a text that is
 * not UTF-8. */
int p2p_offer_format_text(const char *text, size_t length, char **out) P2P_MUST_USE;
int p2p_offer_format_file(const char *name, uint64_t size_bytes, char **out) P2P_MUST_USE;
int p2p_offer_format_answer(bool is_text, char **out) P2P_MUST_USE;
/* The message that tells the peer of our failure `code` (P2P_ERR_*), without any details. */
int p2p_offer_format_error(int code, char **out) P2P_MUST_USE;

/* Writes the last part of a path, sanitized. Writes "file" if nothing is left. */
void p2p_offer_clean_name(const char *path, char out[P2P_OFFER_NAME_MAX]);

#endif
