/* A result reader: gives R's thread the bytes of a result, each piece after the check
 * (protocol/r_object), also while the rest arrives. */
#ifndef P2P_CLIENT_RESULT_READER_H
#define P2P_CLIENT_RESULT_READER_H

#include "client/result.h"
#include "protocol/r_object.h"

struct p2p_result_reader;

/* Takes over the reference. A result of more than `keep_bytes` is freed as it is read, so that only
 * its first reader can read it. NULL: out of memory; then the reference stays the caller's. */
struct p2p_result_reader *p2p_result_reader_new(struct p2p_result *result,
                                                const struct p2p_r_object_rules *rules,
                                                uint64_t keep_bytes);
void p2p_result_reader_free(struct p2p_result_reader *reader); /* takes NULL */

enum p2p_reading {
  P2P_READING_WAIT, /* poll p2p_result_reader_fd(), for at most P2P_READING_WAIT_MS, and try again
                     */
  P2P_READING_BYTES,
  P2P_READING_END /* all was given, and the whole object is right */
};
#define P2P_READING_WAIT_MS 250

/* Gives bytes that were not given before; *bytes is valid until the next call. Returns enum
 * p2p_reading, or an error, which is final: those of p2p_r_object_check, or P2P_ERR_LOST if the
 * rest of the result will not arrive. */
int p2p_result_reader_next(struct p2p_result_reader *reader, const uint8_t **bytes, size_t *length,
                           struct p2p_err *err) P2P_MUST_USE;
/* -1: no descriptor; wait for the time alone. */
int p2p_result_reader_fd(const struct p2p_result_reader *reader);

#endif
