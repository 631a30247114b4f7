/* The `accept` line, by which a client tells one worker the code of a link, sealed to the key in
 * the worker's hello. Pure. Grammar: docs/protocol.md, "Accept". */
#ifndef P2P_PROTOCOL_ACCEPT_H
#define P2P_PROTOCOL_ACCEPT_H

#include <time.h>

#include "crypto/seal.h"
#include "protocol/hello_line.h"
#include "protocol/identity.h"
#include "protocol/line.h"

#define P2P_ACCEPT_VALID_S 30
#define P2P_LINK_CODE_MAX 128 /* bytes of a code, with the NUL */

struct p2p_accept_request {
  const struct p2p_identity *from; /* the client */
  const char *to;                  /* the worker's id */
  const char *code;                /* of the link: a nameplate, a dash and 32 hex digits */
  const char *hello; /* with a cluster key, the id of the worker's hello; `code` then is
                        32 hex digits. NULL: the cluster has no key */
  const struct p2p_seal_public *key; /* the worker's */
};

/* Replaces *out by the line as of `now`. P2P_ERR_INVALID: not a member or not a code;
 * P2P_ERR_CRYPTO: not a usable key. */
int p2p_accept_write(struct p2p_line *out, const struct p2p_accept_request *request,
                     time_t now) P2P_MUST_USE;

struct p2p_accept {
  struct p2p_identity client;        /* as the line states: unproven */
  char hello[P2P_HELLO_LINE_ID_MAX]; /* "": none */
  char code[P2P_LINK_CODE_MAX];      /* secret: wipe it */
};

/* P2P_OK; P2P_ERR_CANCELED: another type, or for another worker; P2P_ERR_PARSE: malformed;
 * P2P_ERR_CRYPTO: not sealed to this key, or what was sealed is not a code. */
int p2p_accept_read(const struct p2p_line *line, const char *our_id,
                    const struct p2p_seal_public *public_key,
                    const struct p2p_seal_secret *secret_key, struct p2p_accept *out) P2P_MUST_USE;

#endif
