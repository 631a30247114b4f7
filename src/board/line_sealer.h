/* Seals the lines of one member, and opens those of the others. io thread only. */
#ifndef P2P_BOARD_LINE_SEALER_H
#define P2P_BOARD_LINE_SEALER_H

#include "protocol/credentials.h"
#include "protocol/line.h"

struct p2p_line_sealer;

/* `credentials` are copied. NULL when out of memory. */
struct p2p_line_sealer *p2p_line_sealer_new(const struct p2p_credentials *credentials);
void p2p_line_sealer_free(struct p2p_line_sealer *sealer); /* wipes; takes NULL */
/* From now on, with another key. */
void p2p_line_sealer_set(struct p2p_line_sealer *sealer, const struct p2p_credentials *credentials);
/* Until then, the badges of these devices are refused. At most P2P_EXPELLED_MAX. */
void p2p_line_sealer_expel(struct p2p_line_sealer *sealer, const struct p2p_sign_public *devices,
                           size_t n);
const struct p2p_credentials *p2p_line_sealer_credentials(const struct p2p_line_sealer *sealer);

/* Replaces *out by `line` in a box. P2P_ERR_TOO_LARGE. */
int p2p_line_sealer_seal(struct p2p_line_sealer *sealer, const struct p2p_line *line,
                         struct p2p_line *out) P2P_MUST_USE;
/* Replaces *out by the line inside. Errors as p2p_sealed_line_read; P2P_ERR_CANCELED also for a
 * line that is not new. */
int p2p_line_sealer_open(struct p2p_line_sealer *sealer, const struct p2p_line *line,
                         struct p2p_line *out) P2P_MUST_USE;

#endif
