/* The payload of LOST: text that says why a task has no result or, in a LOST of task 0, why the
 * worker ends the link. For a client that reads marks (protocol/hello.h), a byte before the text of
 * a task says that the task may run again. Pure. Grammar: docs/protocol.md,
 * "CONDITION, RESULT, LOST". */
#ifndef P2P_PROTOCOL_LOST_H
#define P2P_PROTOCOL_LOST_H

#include <stddef.h>
#include <stdint.h>

#define P2P_LOST_MAX 768 /* bytes that are sent at most, mark included, and a NUL */

/* Whether the task may run again; the value of a mark is its byte. */
enum p2p_lost_kind {
  P2P_LOST_FINAL = 0,    /* no mark: its code, or a limit, is to blame */
  P2P_LOST_KILLED = 1,   /* it had begun when somebody else killed its process, as far as known */
  P2P_LOST_NOT_BEGUN = 2 /* its evaluation has not begun */
};

/* Writes the mark, if any, and as much of `why` as fits; no UTF-8 character is cut. Returns the
 * length. */
size_t p2p_lost_write(enum p2p_lost_kind kind, const char *why, uint8_t out[static P2P_LOST_MAX]);

/* Copies the text, made safe to show; what does not fit into `size` > 0 bytes is dropped. */
enum p2p_lost_kind p2p_lost_read(const void *payload, size_t length, char *out, size_t size);

#endif
