/* The text of a ledger: lines as in files of keys (keys/text.h), one for each entry, in the order
 * of their keys. Strict, so that each ledger has one text only. Pure. */
#ifndef P2P_LEDGER_LEDGER_TEXT_H
#define P2P_LEDGER_LEDGER_TEXT_H

#include "base/buf.h"
#include "ledger/ledger.h"

#define P2P_LEDGER_TEXT_MAX (64 + 640 * (size_t)P2P_LEDGER_MAX) /* bytes */

/* Appends to `out`. P2P_ERR_TOO_LARGE, P2P_ERR_MEMORY. */
int p2p_ledger_text_write(const struct p2p_ledger *ledger, struct p2p_buf *out) P2P_MUST_USE;
/* Fills *out, which is empty. P2P_ERR_PARSE for any other text; P2P_ERR_VERSION for one of a later
 * version; P2P_ERR_MEMORY. After an error, *out is empty. */
int p2p_ledger_text_read(const struct p2p_buf *text, struct p2p_ledger *out) P2P_MUST_USE;

#endif
