/* Lines of a cluster with a key: a line in a box, with a number that lets a reader drop
 * repetitions. Pure. Grammar: docs/protocol.md, "Sealed lines". */
#ifndef P2P_PROTOCOL_SEALED_LINE_H
#define P2P_PROTOCOL_SEALED_LINE_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "protocol/cluster_key.h"
#include "protocol/line.h"

#define P2P_BOOT_LEN 8
#define P2P_SEALED_LINE_MAX 5888 /* bytes of the line inside, without its newline */

/* Where a line stands among all lines of one process. */
struct p2p_line_place {
  uint8_t boot[P2P_BOOT_LEN]; /* random, of this process */
  uint64_t number;            /* larger with each line */
};

/* Replaces *out by `line` in a box. P2P_ERR_TOO_LARGE for more than P2P_SEALED_LINE_MAX bytes. */
int p2p_sealed_line_write(struct p2p_line *out, const struct p2p_line *line,
                          const struct p2p_cluster_key *key, const struct p2p_line_place *place,
                          time_t now) P2P_MUST_USE;

/* P2P_OK; P2P_ERR_CANCELED: not a sealed line; P2P_ERR_ACCESS: sealed with another key;
 * P2P_ERR_CRYPTO: altered; P2P_ERR_PARSE: malformed, also inside. *out is to be read, and *place
 * changed, only on P2P_OK. `out` is not `line`. */
int p2p_sealed_line_read(const struct p2p_line *line, const struct p2p_cluster_key *key,
                         struct p2p_line *out, struct p2p_line_place *place) P2P_MUST_USE;

/* The last number of each process that was heard. Of too many, the one that has been silent longest
 * is forgotten. */
#define P2P_LINE_ORDER_MAX 1024
struct p2p_line_order {
  struct {
    struct p2p_line_place last;
    uint64_t heard; /* 0: unused */
  } boots[P2P_LINE_ORDER_MAX];
  uint64_t heard; /* lines so far */
};

/* Whether the line is newer than all others of its process, which are those from now on. `order`
 * starts as zeros. */
bool p2p_line_order_advance(struct p2p_line_order *order, const struct p2p_line_place *place);

#endif
